# Short names for what is done often. Each calls cargo or a script; none has logic of its own.

# Lists what there is.
default:
    @just --list

# Starts the whole suite in one process with throw-away keys; `just run --data DIR` keeps its state.
run *arguments:
    cargo run --locked -- dev {{ arguments }}

# Plays the main job against a suite of its own, step by step; ends non-zero when a step differs.
demo *arguments:
    cargo run --locked -- demo {{ arguments }}

# Runs every test; installs what they need first.
test:
    tests/run

# Breaks servers and services 1,000 times in the middle of traffic (docs/faults.md); `just faults --kind split-brain`.
faults *arguments:
    tests/faults/run {{ arguments }}

# Measures how long an authorization takes and what it costs (docs/performance.md).
load *arguments:
    tests/load/run {{ arguments }}

# Measures whether refused codes can be told apart by their time (docs/throttling.md).
uniform *arguments:
    tests/uniform/run {{ arguments }}

# Refuses what the compiler, clippy and buf warn of.
lint:
    tests/tools/install
    cargo clippy --workspace --all-targets --locked -- -D warnings
    . tests/tools/env && "$COUNTERSIGN_BUF" lint && "$COUNTERSIGN_BUF" format --diff --exit-code

# Formats the code and the protos.
fmt:
    tests/tools/install
    cargo fmt --all
    . tests/tools/env && "$COUNTERSIGN_BUF" format --write

# Does what a change has to pass.
ci:
    .ci/run

# Writes crates/proto/src/generated anew from the protos.
proto:
    cargo run --locked --package proto --example generate

# Not part of `just ci`, since building the tool takes minutes: cargo install --locked cargo-deny@0.20.2

# Checks licences, bans and sources of third-party code by deny.toml.
deny:
    cargo deny --offline --locked check licenses bans sources
