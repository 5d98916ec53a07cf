//! Every method that one service offers to another has a list of the roles that may call it.
//!
//! The door of a listener for services lets in only the roles that its mount lists (`Mount::for_peers`), whatever they
//! call; a handler that is for services only lets in those that it lists itself (`Gate::peer`, whose signature demands
//! a list). So it is enough that no peer mount is made in another way, and that no list is open.

use super::rust::{self, Token};
use super::tree;
use super::{SERVICES, assert_upheld};

/// The peer mounts in a file that are made in another way than with a list, and how many there are at all.
fn open_doors(path: &str, code: &str) -> (Vec<String>, usize) {
    let tokens = rust::tokens(path, code);
    let text = |at: usize| tokens.get(at).map(|token| token.text.as_str()).unwrap_or_default();
    let mut found = Vec::new();
    let mut mounts = 0;
    for (at, token) in tokens.iter().enumerate() {
        // `RoleMounts { .., peer: <expression> }`
        let field = token.text == "peer" && text(at + 1) == ":" && text(at + 2) != ":";
        if !field || !is_in_role_mounts(&tokens, at) {
            continue;
        }
        mounts += 1;
        let how: Vec<_> = (at + 2..at + 6).map(text).collect();
        if how != ["Mount", ":", ":", "for_peers"] {
            found.push(format!("{path}:{}: a peer mount without a list of callers", token.line));
        }
    }
    (found, mounts)
}

/// Whether the token stands directly inside `RoleMounts { … }`.
fn is_in_role_mounts(tokens: &[Token], at: usize) -> bool {
    let mut depth = 0_usize;
    for before in (0..at).rev() {
        match tokens[before].text.as_str() {
            ")" | "}" | "]" => depth += 1,
            "(" | "{" | "[" if depth > 0 => depth -= 1,
            "{" => return before > 0 && tokens[before - 1].text == "RoleMounts",
            "(" | "[" => return false,
            _ => {}
        }
    }
    false
}

#[test]
fn every_peer_listener_has_a_list_of_callers() {
    let mut found = Vec::new();
    for service in SERVICES {
        let mut mounts = 0;
        for file in tree::files(&format!("crates/{service}/src"), ".rs") {
            let (open, here) = open_doors(&file.path, &file.text);
            found.extend(open);
            mounts += here;
        }
        if mounts == 0 {
            found.push(format!("{service}: no peer mount was found"));
        }
    }
    assert_upheld("a peer mount is made by Mount::for_peers:", &found);
}

#[test]
fn an_open_door_is_noticed() {
    let shut = "fn f() { RoleMounts { public: Mount::new(), peer: Mount::for_peers(X).service(s) } }";
    assert_eq!(open_doors("good.rs", shut), (Vec::new(), 1));
    for open in [
        "fn f() { RoleMounts { public: Mount::new(), peer: Mount::new().service(s) } }",
        "fn f() { RoleMounts { public: Mount::new(), peer: mount(vec![1]) } }",
        "fn f() { RoleMounts { peer: Mount::default(), public: Mount::new() } }",
    ] {
        let (found, mounts) = open_doors("bad.rs", open);
        assert_eq!((found.len(), mounts), (1, 1), "{open}");
    }
    // Other fields of that name are not meant.
    assert_eq!(open_doors("else.rs", "fn f(peer: u8) { Other { peer: Mount::new() } }"), (Vec::new(), 0));
}
