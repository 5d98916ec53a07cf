//! What is a code and what is not.

use kernel::Reason;

use crate::support::admin::Admin;
use crate::support::answer::{Done as _, Outcome as _};
use crate::support::audit::Trail;
use crate::support::dev::suite;
use crate::support::user::User;

/// How people type six digits, all of which are the same code.
fn spellings(code: &str) -> [String; 4] {
    let (left, right) = code.split_at(3);
    let spread: Vec<String> = code.chars().map(|digit| digit.to_string()).collect();
    [format!("{left} {right}"), format!(" {code} "), spread.join(" "), format!("{left}  {right}")]
}

/// What is no code, made from a right one.
fn mutilations(code: &str) -> Vec<String> {
    let full_width: String =
        code.bytes().map(|digit| char::from_u32(0xff10 + u32::from(digit - b'0')).unwrap()).collect();
    let arabic: String =
        code.bytes().map(|digit| char::from_u32(0x0660 + u32::from(digit - b'0')).unwrap()).collect();
    vec![
        String::new(),
        " ".to_owned(),
        code[..5].to_owned(),
        // Some devices show seven digits, or eight; none shows nine.
        format!("{code}000"),
        format!("000{code}"),
        "abcdef".to_owned(),
        format!("{}a", &code[..5]),
        format!("+{code}"),
        format!("{}-{}", &code[..3], &code[3..]),
        format!("{code}\n"),
        format!("{}\u{a0}{}", &code[..3], &code[3..]),
        format!("0x{}", &code[..4]),
        full_width,
        arabic,
        code.repeat(100),
    ]
}

#[tokio::test]
async fn spaces_do_not_matter_and_a_code_is_used_up_in_every_spelling() {
    for spelling in 0..4 {
        let user = User::new(suite()).await;
        let (device, mut app) = user.register(None).await.unwrap();
        let code = app.next();
        user.activate(&device.name, &spellings(&code)[spelling]).await.unwrap();
        let code = app.next();
        user.authenticate(&spellings(&code)[spelling], &["wallet:sign"], None).await.done();
        // One of the others in each round: more would be too many wrong codes.
        for used in [&code, &spellings(&code)[(spelling + 1) % 4]] {
            user.authenticate(used, &["wallet:sign"], None).await.refused(Reason::CodeRejected);
        }
    }
}

#[tokio::test]
async fn what_cannot_be_a_code_is_refused_everywhere_and_costs_no_try() {
    let user = User::new(suite()).await;
    let (device, mut app) = user.register(None).await.unwrap();
    let code = app.next();
    let mut left = Vec::new();
    for wrong in mutilations(&code) {
        let refused = user.activate(&device.name, &wrong).await;
        left.push(refused.refused(Reason::CodeRejected).metadata["tries_left"].clone());
    }
    user.activate(&device.name, &code).await.unwrap();
    let code = app.next();
    for wrong in mutilations(&code) {
        let refused = user.authenticate(&wrong, &["wallet:sign"], None).await;
        left.push(refused.refused(Reason::CodeRejected).metadata["tries_left"].clone());
    }
    assert!(left.iter().all(|one| *one == left[0]), "{left:?}");
    assert!(left[0].parse::<u32>().unwrap() >= 3, "people mistype: {left:?}");
    user.authenticate(&code, &["wallet:sign"], None).await.done();

    let admin = Admin::owner(suite()).await;
    let actor = format!("user:{}", user.id);
    let here = suite().environment();
    for (trail, kind) in [(Trail::Devices, "device.activate"), (Trail::Issuer, "totp.authenticate")] {
        let rows = trail.refusals(&admin, here, &actor).await;
        let rows: Vec<_> = rows.iter().filter(|row| row.kind == kind).collect();
        assert!(rows.iter().all(|row| row.reason == Reason::CodeRejected.as_str()), "{rows:#?}");
        let count: u32 = rows.iter().map(|row| row.count).sum();
        assert_eq!(usize::try_from(count).unwrap(), mutilations("123456").len(), "{rows:#?}");
        // Where nothing was about to be consumed like refusals share a row. (A minute may have ended.)
        assert!(trail == Trail::Issuer || rows.len() <= 2, "{rows:#?}");
    }
}

#[tokio::test]
async fn a_code_is_good_once_and_an_older_one_not_after_it() {
    let user = User::new(suite()).await;
    let mut factor = user.enrol().await;
    let older = factor.app.again();
    let newer = factor.app.next();
    user.authenticate(&newer, &["wallet:sign"], None).await.done();
    for spent in [&newer, &older] {
        user.authenticate(spent, &["wallet:sign"], None).await.refused(Reason::CodeRejected);
    }
    // Nor in another session, nor for another purpose.
    let elsewhere = user.in_session(suite(), "session-2");
    elsewhere.authenticate(&newer, &["wallet:refresh"], None).await.refused(Reason::CodeRejected);
}

#[tokio::test]
async fn a_code_brought_many_times_at_once_is_good_once() {
    let user = User::new(suite()).await;
    let mut factor = user.enrol().await;
    let code = factor.app.next();
    let callers = (0..16).map(|_| {
        let (user, code) = (user.clone(), code.clone());
        async move { user.authenticate(&code, &["wallet:sign"], None).await.is_ok() }
    });
    let accepted = futures::future::join_all(callers).await.into_iter().filter(|taken| *taken).count();
    assert_eq!(accepted, 1);
}
