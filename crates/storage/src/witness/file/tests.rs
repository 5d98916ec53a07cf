use std::fs;

use kernel::Reason;

use super::*;
use crate::witness::contract;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn witness(folder: &tempfile::TempDir) -> FileWitness {
    FileWitness::new(folder.path().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract() {
    let folder = folder();
    contract::holds(|| Arc::new(witness(&folder))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clones_of_one_handle_keep_the_contract() {
    let folder = folder();
    let shared = Arc::new(witness(&folder));
    contract::holds(|| shared.clone()).await;
}

#[tokio::test]
async fn a_folder_that_is_missing_is_not_a_folder_that_knows_nothing() {
    let folder = folder();
    let gone = FileWitness::new(folder.path().join("gone"));
    assert_eq!(gone.read("a").await.unwrap_err().reason(), Reason::StoreUnavailable);
    assert_eq!(gone.raise("a", 1).await.unwrap_err().reason(), Reason::StoreUnavailable);
    assert!(!folder.path().join("gone").exists(), "a folder is made by whoever knows where it belongs");

    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(FileWitness::new(file).read("a").await.is_err());
}

#[tokio::test]
async fn any_altered_or_missing_octet_is_refused_and_stays_as_it_is() {
    let folder = folder();
    let path = folder.path().join("a.witness");
    witness(&folder).raise("a", 120).await.unwrap();
    let good = fs::read(&path).unwrap();
    for index in 0..good.len() {
        let mut altered = good.clone();
        altered[index] ^= 1;
        for spoiled in [&altered[..], &good[..index]] {
            fs::write(&path, spoiled).unwrap();
            assert!(witness(&folder).read("a").await.is_err(), "octet {index}");
            let refused = witness(&folder).raise("a", 500).await.unwrap_err();
            assert_eq!(refused.reason(), Reason::StoreUnavailable);
            assert!(refused.message().contains("a.witness"), "{refused}");
            assert_eq!(fs::read(&path).unwrap(), spoiled);
        }
    }
    fs::write(&path, [&good[..], b"\n"].concat()).unwrap();
    assert!(witness(&folder).read("a").await.is_err());
    fs::write(&path, &good).unwrap();
    assert_eq!(witness(&folder).read("a").await.unwrap(), Some(120));
}

#[tokio::test]
async fn a_file_that_was_copied_to_another_name_is_refused() {
    let folder = folder();
    witness(&folder).raise("a", 3).await.unwrap();
    fs::copy(folder.path().join("a.witness"), folder.path().join("b.witness")).unwrap();
    assert!(witness(&folder).read("b").await.is_err());
}

#[tokio::test]
async fn what_a_writer_that_died_left_behind_is_in_nobodys_way() {
    let folder = folder();
    witness(&folder).raise("a", 3).await.unwrap();
    fs::write(folder.path().join("a.new"), "half a fi").unwrap();
    assert_eq!(witness(&folder).read("a").await.unwrap(), Some(3));
    assert_eq!(witness(&folder).raise("a", 4).await.unwrap(), 4);
    assert_eq!(witness(&folder).read("a").await.unwrap(), Some(4));
}

#[tokio::test]
async fn a_writer_waits_for_the_lock_of_another_process() {
    let folder = folder();
    let lock = File::create(folder.path().join("a.lock")).unwrap();
    lock.lock().unwrap();
    let waiting = tokio::spawn({
        let witness = witness(&folder);
        async move { witness.raise("a", 5).await }
    });
    // Reading takes no lock: what is there is whole.
    assert_eq!(witness(&folder).read("a").await.unwrap(), None);
    assert!(!waiting.is_finished());
    drop(lock);
    assert_eq!(waiting.await.unwrap().unwrap(), 5);
}
