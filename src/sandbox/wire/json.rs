//! The JSON protocols: `json 1.1` (Global Accelerator), `json 1.0` (routing controls) and `rest-json`
//! (EKS).

use serde_json::{Value, json};

use super::super::world::Refusal;
use super::reply::Reply;

/// Which of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Json {
    /// The error's type stands in the body.
    Rpc,
    /// The same in the older version.
    Rpc0,
    /// The error's type stands in a header.
    Rest,
}

impl Json {
    fn content_type(self) -> &'static str {
        match self {
            Self::Rpc => "application/x-amz-json-1.1",
            Self::Rpc0 => "application/x-amz-json-1.0",
            Self::Rest => "application/json",
        }
    }

    pub(super) fn answer(self, body: &Value) -> Reply {
        Reply::new(200, self.content_type(), body.to_string().into_bytes())
    }

    pub(super) fn refuse(self, refusal: &Refusal) -> Reply {
        match self {
            Self::Rpc | Self::Rpc0 => Reply::new(
                refusal.status,
                self.content_type(),
                json!({"__type": refusal.code, "Message": refusal.message})
                    .to_string()
                    .into_bytes(),
            ),
            Self::Rest => Reply::new(
                refusal.status,
                self.content_type(),
                json!({"message": refusal.message}).to_string().into_bytes(),
            )
            .with("x-amzn-errortype", refusal.code.clone()),
        }
    }
}
