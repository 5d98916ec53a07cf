//! A suite in a process of its own, which ends with the test that started it, whatever becomes of that.

use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::tools::{LOG_DIR, PATIENCE, prepared, program, signal};

/// Starts the program that follows and ends it when its own standard input is closed, which the operating system does
/// when the tests end, however they do; also where a test has just stalled it. Its end is the program's.
const SUPERVISOR: &str = r#""$@" </dev/null & child=$!
exec 1>&-
read -r _
kill -CONT "$child" 2>/dev/null
kill -TERM "$child" 2>/dev/null
wait "$child""#;

/// A running program.
pub(crate) struct Running {
    supervisor: Child,
    /// Closed to end it.
    leash: Option<ChildStdin>,
    lines: Mutex<Receiver<String>>,
}

impl Running {
    /// Starts `command`, whose standard error goes to the log `name`.
    pub(crate) fn start(name: &str, command: &Command) -> Self {
        let folder = prepared(LOG_DIR).join("logs");
        std::fs::create_dir_all(&folder).expect("a folder for logs");
        let log = OpenOptions::new().create(true).append(true).open(folder.join(format!("{name}.log")));
        let mut supervisor = program("bash");
        supervisor.args(["-c", SUPERVISOR, "supervisor"]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => supervisor.env(name, value),
                None => supervisor.env_remove(name),
            };
        }
        let mut supervisor = supervisor
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log.expect("a log file"))
            .spawn()
            .expect("bash starts");
        let output = supervisor.stdout.take().expect("standard output");
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { leash: supervisor.stdin.take(), supervisor, lines: Mutex::new(lines) }
    }

    /// Everything that is printed up to and with the first line that `last` accepts, which must come in time.
    pub(crate) fn output_until(&self, last: impl Fn(&str) -> bool) -> String {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        loop {
            match lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    let done = last(&line);
                    text.push_str(&line);
                    text.push('\n');
                    if done {
                        return text;
                    }
                }
                Err(error) => panic!("the suite is not ready ({error}); see its log. It printed:\n{text}"),
            }
        }
    }

    /// Waits until the program ends by itself.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        // The end of its output is its end; then nothing is left to be ended.
        loop {
            match self.lines.get_mut().unwrap_or_else(PoisonError::into_inner).recv_timeout(PATIENCE) {
                Ok(_) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("the program does not end"),
            }
        }
        self.stop()
    }

    /// The program's process id.
    pub(crate) fn pid(&self) -> u32 {
        child_of(self.supervisor.id()).expect("a running program")
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(&mut self) {
        signal(self.pid(), "KILL");
        self.stop();
    }

    /// Ends it as an operator does, and says how it ended. One that does not end in time is ended as by a crash.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        drop(self.leash.take());
        let (supervisor, (sender, receiver)) = (self.supervisor.id(), mpsc::channel::<()>());
        // Only if it takes too long; the tests do not wait for this.
        std::thread::spawn(move || {
            if receiver.recv_timeout(PATIENCE + Duration::from_secs(5))
                == Err(mpsc::RecvTimeoutError::Timeout)
            {
                // The program, not its supervisor: that ends with it.
                signal(child_of(supervisor).unwrap_or(supervisor), "KILL");
            }
        });
        let status = self.supervisor.wait().expect("the end of a process");
        drop(sender);
        status
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The one process that the process `parent` has started, while both are there.
fn child_of(parent: u32) -> Option<u32> {
    let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

/// Whether a process of this id is there.
pub(crate) fn is_alive(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}
