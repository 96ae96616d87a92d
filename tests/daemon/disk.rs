//! A file system with no room left.

use std::path::Path;

use super::child::clean;

/// A file system in memory, of a few megabytes.
pub struct SmallDisk {
    at: tempfile::TempDir,
}

impl SmallDisk {
    pub fn mount() -> Option<Self> {
        let at = tempfile::TempDir::new().expect("a folder for the test");
        let mounted = clean("mount")
            .args(["-t", "tmpfs", "-o", "size=8m", "failoverd-test"])
            .arg(at.path())
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self { at }),
            Ok(output) => {
                let why = String::from_utf8_lossy(&output.stderr).into_owned();
                eprintln!("not tried on a real file system, for none can be mounted: {why}");
                None
            }
            Err(error) => {
                eprintln!("not tried on a real file system, for there is no mount: {error}");
                None
            }
        }
    }

    pub fn path(&self) -> &Path {
        self.at.path()
    }

    /// Takes the last byte.
    pub fn fill(&self) {
        use std::io::Write;

        let mut filler = std::fs::File::create(self.path().join("filler")).expect("it is there");
        let page = [1_u8; 4_096];
        while filler.write_all(&page).is_ok() {}
    }

    pub fn free(&self) {
        std::fs::remove_file(self.path().join("filler")).expect("it was made");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Whoever still uses it keeps it until then.
        let _ = clean("umount").arg("-l").arg(self.path()).status();
    }
}
