//! The API over TLS, asked by the command line as an operator types it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use super::child::{FAILOVERCTL, clean};
use super::stage::Stage;

/// Writes an authority, a pair of it for the API, and pairs for two callers.
fn certify(folder: &Path) -> impl Fn(&str) -> PathBuf {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "ours");
    let key = KeyPair::generate().expect("a key");
    let authority = CertifiedIssuer::self_signed(params, key).expect("an authority");
    fs::write(folder.join("ca.pem"), authority.pem()).expect("the folder is the test's own");
    for (file, name) in [
        ("api", "127.0.0.1"),
        ("ada", "ada.example"),
        ("eve", "eve.example"),
    ] {
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        let key = KeyPair::generate().expect("a key");
        let signed = params.signed_by(&key, &authority).expect("a certificate");
        let write = |end: &str, text: String| {
            let path = folder.join(format!("{file}.{end}"));
            fs::write(path, text).expect("the folder is the test's own");
        };
        write("pem", signed.pem());
        write("key", key.serialize_pem());
    }
    let folder = folder.to_owned();
    move |file| folder.join(file)
}

/// `failoverctl` against that server, with these options; how it ends and what it says.
async fn asked(server: String, options: Vec<PathBuf>, verb: &'static [&'static str]) -> Output {
    let asking = tokio::task::spawn_blocking(move || {
        clean(&FAILOVERCTL)
            .args(verb)
            .arg("--server")
            .arg(server)
            .args(options)
            .stdin(Stdio::null())
            .output()
            .expect("it starts")
    });
    asking.await.expect("it does not panic")
}

fn text(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    String::from_utf8_lossy(out).into_owned() + &String::from_utf8_lossy(err)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_opens_the_api_and_nothing_less_does() {
    let stage = Stage::new().await;
    let file = certify(stage.folder());
    stage.edit(
        "[detection]\n",
        "[api_tls]\ncert_file = \"api.pem\"\nkey_file = \"api.key\"\nclient_ca_file = \"ca.pem\"\n\n\
         [[auth.certificate]]\nname = \"ada.example\"\nrole = \"operator\"\n\n[detection]\n",
    );
    let mut daemon = stage.daemon();
    let api = daemon.api().await;
    let https = || format!("https://{api}");
    let pair = |who: &str| {
        vec![
            "--ca-file".into(),
            file("ca.pem"),
            "--cert-file".into(),
            file(&format!("{who}.pem")),
            "--key-file".into(),
            file(&format!("{who}.key")),
        ]
    };
    let ada = asked(https(), pair("ada"), &["whoami"]).await;
    assert_eq!(ada.status.code(), Some(0), "{}", text(&ada));
    assert!(text(&ada).contains("ada.example"), "{}", text(&ada));

    // Good, and not named.
    let eve = asked(https(), pair("eve"), &["whoami"]).await;
    assert_eq!(eve.status.code(), Some(5), "{}", text(&eve));
    assert!(text(&eve).contains("eve.example"), "{}", text(&eve));

    // Nothing to show.
    let authority = vec!["--ca-file".into(), file("ca.pem")];
    let nobody = asked(https(), authority.clone(), &["whoami"]).await;
    assert_eq!(nobody.status.code(), Some(5), "{}", text(&nobody));

    // An authority that we do not know: nothing is sent to whoever that is.
    let unknown = asked(https(), Vec::new(), &["status"]).await;
    assert_eq!(unknown.status.code(), Some(3), "{}", text(&unknown));
    assert!(text(&unknown).contains("--ca-file"), "{}", text(&unknown));

    // In the clear.
    let plain = asked(format!("http://{api}"), Vec::new(), &["status"]).await;
    assert_ne!(plain.status.code(), Some(0), "{}", text(&plain));
    assert!(text(&plain).contains("https://"), "{}", text(&plain));

    // What an operator may do over it is done and stands in the audit under the certificate's name.
    let pausing = &["pause-automation", "--reason", "tls", "--for", "1h"];
    let paused = asked(https(), pair("ada"), pausing).await;
    assert_eq!(paused.status.code(), Some(0), "{}", text(&paused));
    let status = asked(https(), pair("ada"), &["status"]).await;
    assert!(text(&status).contains("ada.example"), "{}", text(&status));
}
