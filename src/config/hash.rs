//! What a vote is cast under: one hash over an application's configuration, so that members which
//! were configured differently notice before they act.

use sha2::{Digest, Sha256};

use crate::model::{Application, AwsAccess, ConfigHash};

/// The application with its hash. What may rightly differ from host to host is left out: how this
/// host reaches AWS (profile, external id, endpoint). The rest is what decides.
pub(super) fn stamp(app: Application) -> Application {
    let judged = Application {
        config: ConfigHash(String::new()),
        aws: AwsAccess {
            profile: None,
            external_id: None,
            endpoint_url: None,
            ..app.aws.clone()
        },
        ..app.clone()
    };
    // Canonical: fields in the order of their declaration, maps sorted, integers only. Writing them
    // cannot fail: every key of a map is text, and nothing in it has a hand-written serializer.
    let text = serde_json::to_string(&judged).unwrap_or_default();
    Application {
        config: ConfigHash(hex::encode(Sha256::digest(text.as_bytes()))),
        ..app
    }
}
