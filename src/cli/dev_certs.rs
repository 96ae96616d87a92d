//! `failoverctl dev-certs`: an authority and a certificate for each member, for trials.
//!
//! Real clusters bring an authority of their own, whose key no member ever holds. What is made here
//! works the same way, so that nobody turns encryption off to try failoverd.

use std::fmt::Write as _;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use jiff::{ToSpan, Zoned};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};

use super::{Exit, output};
use crate::config::{self, LoadError};
use crate::model::MemberId;

/// Why there are no certificates.
#[derive(Debug, thiserror::Error)]
enum DevCertsError {
    #[error(
        "`{path}` is there already, and nothing is overwritten; choose another --out, or remove the folder"
    )]
    Exists { path: PathBuf },
    #[error("`{path}` cannot be written")]
    Write { path: PathBuf, source: io::Error },
    #[error("a certificate for `{name}` cannot be made")]
    Make { name: String, source: rcgen::Error },
    #[error("no calendar has a day {days} days from now")]
    Calendar { days: u16, source: jiff::Error },
}

/// A file to be.
struct File {
    path: PathBuf,
    text: String,
}

/// Makes them, and says what to do with them.
pub fn make(config: &Path, out: &Path, days: u16) -> Exit {
    let members = match config::member_ids(config, config::environment()) {
        Ok(members) => members,
        Err(error) => return unreadable(&error),
    };
    match issue(&members, out, days).and_then(|files| write(out, &files)) {
        Ok(()) => output::answer(&report(&members, out, days), Exit::Good),
        Err(error) => {
            output::complain_chain(&error);
            match error {
                DevCertsError::Exists { .. } | DevCertsError::Write { .. } => Exit::Usage,
                DevCertsError::Make { .. } | DevCertsError::Calendar { .. } => Exit::No,
            }
        }
    }
}

fn unreadable(error: &LoadError) -> Exit {
    output::complain_findings(&error.diagnostics());
    Exit::Usage
}

fn report(members: &[MemberId], out: &Path, days: u16) -> String {
    let mut text = format!(
        "FOR TRIALS ONLY: whoever can read {out}/ca.key can speak as any member and move your \
         application.\nA production cluster brings certificates of its own authority.\n\n\
         Written to {out}, good for {days} day{s}: ca.pem, ca.key, and for each member its \
         certificate and key.\nGive every member ca.pem and its own two files, and name them in its \
         configuration:\n",
        out = out.display(),
        s = if days == 1 { "" } else { "s" },
    );
    for member in members {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n# {member}\n[tls]\nca_file = \"{out}/ca.pem\"\ncert_file = \"{out}/{member}.pem\"\n\
             key_file = \"{out}/{member}.key\"\n",
            out = out.display(),
        );
    }
    text
}

fn issue(members: &[MemberId], out: &Path, days: u16) -> Result<Vec<File>, DevCertsError> {
    #[expect(
        clippy::disallowed_methods,
        reason = "certificates are of this host's calendar, and no daemon runs here"
    )]
    let now = jiff::Timestamp::now();
    let today = Zoned::new(now, jiff::tz::TimeZone::UTC).date();
    let until = today
        // Days are counted from midnight: one more, so that the last one is whole.
        .checked_add((i64::from(days) + 1).days())
        .map_err(|source| DevCertsError::Calendar { days, source })?;
    // Other hosts' clocks may be behind this one.
    let from = today
        .checked_sub(1.days())
        .map_err(|source| DevCertsError::Calendar { days, source })?;
    let named = |name: &str| {
        let name = name.to_owned();
        move |source| DevCertsError::Make {
            name: name.clone(),
            source,
        }
    };
    let file = |name: String, text: String| File {
        path: out.join(name),
        text,
    };

    let authority = "failoverd trial authority";
    let mut params = CertificateParams::new(Vec::<String>::new()).map_err(named(authority))?;
    // It vouches for members, not for other authorities.
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    dated(&mut params, authority, from, until);
    let key = KeyPair::generate().map_err(named(authority))?;
    let issuer = CertifiedIssuer::self_signed(params, key).map_err(named(authority))?;
    let mut files = vec![
        file("ca.pem".to_owned(), issuer.pem()),
        file("ca.key".to_owned(), issuer.key().serialize_pem()),
    ];
    for member in members {
        let failed = named(member.as_str());
        let mut params = CertificateParams::new(vec![member.to_string()]).map_err(&failed)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        // Every member calls and is called.
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        dated(&mut params, member.as_str(), from, until);
        let key = KeyPair::generate().map_err(&failed)?;
        let certificate = params.signed_by(&key, &issuer).map_err(&failed)?;
        files.push(file(format!("{member}.pem"), certificate.pem()));
        files.push(file(format!("{member}.key"), key.serialize_pem()));
    }
    Ok(files)
}

fn dated(params: &mut CertificateParams, name: &str, from: Date, until: Date) {
    params.distinguished_name.push(DnType::CommonName, name);
    let date = |date: Date| {
        // Months and days of a calendar are 1 to 31.
        let small = |n: i8| n.unsigned_abs();
        date_time_ymd(
            i32::from(date.year()),
            small(date.month()),
            small(date.day()),
        )
    };
    params.not_before = date(from);
    params.not_after = date(until);
}

fn write(out: &Path, files: &[File]) -> Result<(), DevCertsError> {
    // All or nothing: half a set with an older half would fit nobody.
    if let Some(there) = files.iter().find(|file| file.path.exists()) {
        return Err(DevCertsError::Exists {
            path: there.path.clone(),
        });
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(out)
        .map_err(|source| DevCertsError::Write {
            path: out.to_owned(),
            source,
        })?;
    for file in files {
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&file.path)
            .and_then(|mut to| to.write_all(file.text.as_bytes()));
        written.map_err(|source| DevCertsError::Write {
            path: file.path.clone(),
            source,
        })?;
    }
    Ok(())
}
