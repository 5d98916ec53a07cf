//! Databases that were put back.

use std::path::Path;
use std::process::ExitCode;

use super::*;

/// A SQLite database is up to three files.
const ENDINGS: [&str; 3] = ["", "-wal", "-shm"];

/// Puts a copy in place of whatever is there, while nobody has it open.
fn copy(from: &Path, to: &Path) {
    for ending in ENDINGS {
        let file = |path: &Path| format!("{}{ending}", path.display());
        drop(std::fs::remove_file(file(to)));
        if Path::new(&file(from)).exists() {
            std::fs::copy(file(from), file(to)).unwrap();
        }
    }
}

impl Files {
    async fn policy_serves(&self) {
        stop(self.start::<PolicySettings>("policy").await.unwrap()).await;
    }

    /// What the start is refused with; `doctor` sees it too.
    async fn policy_refuses(&self) -> String {
        let refused = self.start::<PolicySettings>("policy").await.err().unwrap();
        assert_eq!(refused.reason(), Reason::ServiceHalted, "{refused:?}");
        let code = self.run("doctor --role policy --config @policy.toml").await.unwrap();
        assert_eq!(code, ExitCode::FAILURE);
        refused.message().to_owned()
    }

    async fn acknowledge(&self) {
        self.run("restore acknowledge --role policy --config @policy.toml").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_put_back_is_refused_until_the_restore_is_acknowledged() {
    let files = Files::new().await;
    let (database, kept) = (files.path("policy.sqlite"), files.path("kept.sqlite"));
    files.policy_serves().await;
    copy(&database, &kept);
    files.policy_serves().await;
    copy(&kept, &database);
    for _ in 0..2 {
        let told = files.policy_refuses().await;
        assert!(told.contains("was put back") && told.contains("restore acknowledge"), "{told}");
    }
    files.acknowledge().await;
    files.policy_serves().await;
    // The copy is still older than that.
    copy(&kept, &database);
    files.policy_refuses().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_database_or_witness_in_place_of_one_that_was_in_use_is_refused_too() {
    let files = Files::new().await;
    files.policy_serves().await;
    copy(&files.path("nothing"), &files.path("policy.sqlite"));
    files.run("migrate --role policy --config @policy.toml").await.unwrap();
    assert!(files.policy_refuses().await.contains("is new"));
    files.acknowledge().await;
    files.policy_serves().await;

    std::fs::remove_dir_all(files.path("witness")).unwrap();
    std::fs::create_dir(files.path("witness")).unwrap();
    assert!(files.policy_refuses().await.contains("does not know it"));
    files.acknowledge().await;
    files.policy_serves().await;
}
