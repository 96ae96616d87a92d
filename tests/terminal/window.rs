//! A terminal of 80 by 24 with a shell in it.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::child::FAILOVERCTL;
use super::wait::{self, PATIENCE};

/// Columns.
pub const WIDTH: usize = 80;

/// A tmux server of its own, which ends with this.
pub struct Window {
    socket: PathBuf,
    /// How many prompts there have been: each is numbered, so that none is taken for another.
    prompts: Cell<u32>,
}

/// Whether there can be one.
pub fn available() -> Result<(), String> {
    match Command::new("tmux").arg("-V").output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("tmux does not run: {output:?}")),
        Err(error) => Err(format!("no tmux: {error}")),
    }
}

impl Window {
    /// A shell whose `failoverctl` asks these servers.
    pub fn open(folder: &Path, servers: &str) -> Self {
        let window = Self {
            socket: folder.join("tmux"),
            prompts: Cell::new(0),
        };
        let programs = Path::new(FAILOVERCTL.as_str())
            .parent()
            .expect("it lies in a folder");
        let path = std::env::var("PATH").unwrap_or_default();
        let rc = folder.join("bashrc");
        // The number of each command, and of its end.
        let text = format!(
            "export PATH='{}:{path}' FAILOVERCTL_SERVER='{servers}' USER=ada LC_ALL=C.UTF-8\n\
             unset FAILOVERCTL_TOKEN NO_COLOR\n\
             N=0\n\
             PROMPT_COMMAND='E=$?; N=$((N+1)); PS1=\"<exit=$E $N> \"'\n",
            programs.display()
        );
        std::fs::write(&rc, text).expect("the folder is the test's own");
        let shell = format!("exec bash --noprofile --rcfile {} -i", rc.display());
        let size = ["-x", "80", "-y", "24"];
        let mut words = vec!["-f", "/dev/null", "new-session", "-d"];
        words.extend(size);
        words.push(&shell);
        window.tmux(&words);
        window
    }

    /// Types a line and presses Enter.
    pub fn type_line(&self, text: &str) {
        self.tmux(&["send-keys", "-l", text]);
        self.tmux(&["send-keys", "Enter"]);
    }

    /// Ctrl-C.
    pub fn interrupt(&self) {
        self.tmux(&["send-keys", "C-c"]);
    }

    /// What stands there now.
    pub fn screen(&self) -> String {
        self.captured(&[])
    }

    /// The same with what makes it colourful.
    pub fn painted(&self) -> String {
        self.captured(&["-e"])
    }

    /// With what has scrolled away since the screen was cleared; a line that the terminal had to break is
    /// one line.
    pub fn whole(&self) -> String {
        self.captured(&["-J", "-S", "-"])
    }

    /// Waits until that stands there; everything since the screen was cleared then.
    pub async fn shows(&self, what: &str) -> String {
        let found = wait::for_some(PATIENCE, async || {
            self.screen().contains(what).then(|| self.whole())
        })
        .await;
        found.unwrap_or_else(|| panic!("{what:?} was never shown\n{}", self.whole()))
    }

    /// Waits until what stands there is so; what it was found to be.
    pub async fn until<T>(&self, what: &str, is: impl Fn(&str) -> Option<T>) -> T {
        let found = wait::for_some(PATIENCE, async || is(&self.screen())).await;
        found.unwrap_or_else(|| panic!("it never was that {what}\n{}", self.whole()))
    }

    /// Waits for the next prompt: everything before it, and how the command ended.
    pub async fn prompt(&self) -> (String, u8) {
        let number = self.prompts.get() + 1;
        let end = format!(" {number}>");
        let text = self.shows(&end).await;
        self.prompts.set(number);
        let exit = text.lines().find_map(|line| {
            let before = line
                .strip_suffix(&end)
                .or_else(|| line.split_once(&end).map(|(b, _)| b));
            before?.rsplit_once("<exit=")?.1.parse().ok()
        });
        let exit = exit.unwrap_or_else(|| panic!("no prompt of {number}\n{text}"));
        (text, exit)
    }

    /// Clears the screen, types a line, and waits for the command's end, which must be so. What it wrote
    /// then: nothing of it is wider than the terminal.
    pub async fn after(&self, line: &str, exit: u8) -> String {
        let (text, ended) = self.ran(line).await;
        assert_eq!(ended, exit, "{line}\n{text}");
        text
    }

    /// The same again and again until it says so.
    pub async fn asked_until(&self, line: &str, what: &str) -> String {
        let mut last = String::new();
        let found = wait::for_some(PATIENCE, async || {
            let (text, _) = self.ran(line).await;
            last = text;
            last.contains(what).then(|| last.clone())
        })
        .await;
        found.unwrap_or_else(|| panic!("{what:?} was never shown\n{last}"))
    }

    /// Types a line on a clear screen and does not wait.
    pub async fn begin(&self, line: &str) {
        if self.prompts.get() == 0 {
            self.prompt().await;
        }
        self.tmux(&["send-keys", "-R"]);
        self.tmux(&["clear-history"]);
        self.type_line(line);
    }

    async fn ran(&self, line: &str) -> (String, u8) {
        self.begin(line).await;
        let (text, exit) = self.prompt().await;
        fits(&text, line);
        (text, exit)
    }

    fn captured(&self, how: &[&str]) -> String {
        let output = self.tmux(&[&["capture-pane", "-p"], how].concat());
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn tmux(&self, arguments: &[&str]) -> Output {
        let output = Command::new("tmux")
            .arg("-S")
            .arg(&self.socket)
            .args(arguments)
            .env_remove("TMUX")
            .output()
            .expect("tmux runs");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        output
    }
}

/// Fails where the terminal had to break something because it is wider; what was typed may be.
pub fn fits(text: &str, typed: &str) {
    for line in text.lines().map(str::trim_end) {
        let echo = line.starts_with("<exit=") || line.ends_with(typed);
        // A row that is filled to the edge looks as if it went on. What the terminal breaks goes on with no
        // blank before it; what the program breaks is filled up, or begins anew further in.
        let columns: Vec<char> = line.chars().collect();
        let rows: Vec<&[char]> = columns.chunks(WIDTH).collect();
        let broken = rows
            .windows(2)
            .any(|pair| pair[0].last() != Some(&' ') && pair[1].first() != Some(&' '));
        assert!(echo || !broken, "{} columns: {line}", columns.len());
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // Its own server, by its own socket.
        let _ = Command::new("tmux")
            .arg("-S")
            .arg(&self.socket)
            .arg("kill-server")
            .output();
    }
}
