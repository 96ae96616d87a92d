# What a change must pass. `just verify` changes nothing but `target/`; `.ci/run` runs the same and more.

# every check, in the order in which a mistake is cheapest to find
verify: fmt clippy test doctest deny drill

# is everything formatted?
fmt:
    cargo fmt --check

clippy:
    cargo clippy --all-targets --locked -- -D warnings

# nextest if it is installed, one process per test; `cargo test` otherwise
test:
    #!/usr/bin/env sh
    set -eu
    export INSTA_UPDATE=no
    if cargo nextest --version >/dev/null 2>&1; then
        cargo nextest run --locked
    else
        cargo test --locked --lib --bins --tests
    fi

doctest:
    cargo test --locked --doc

# licences, advisories and duplicates, if cargo-deny is installed
deny:
    #!/usr/bin/env sh
    set -eu
    if cargo deny --version >/dev/null 2>&1; then
        cargo deny --locked check
    else
        echo "cargo-deny is not installed: skipped (cargo install cargo-deny)"
    fi

# the default game day; or another: `just drill flapping`
drill scenario="region-outage":
    cargo run --locked --quiet -- drill --scenario {{scenario}} --out target/drill-report

# what a cluster of three real members costs in time; a quarter of an hour on a host that does nothing else
figures drills="200" side_by_side="8" round_trip_ms="0":
    cargo bench --locked --bench cluster -- --drills {{drills}} --side-by-side {{side_by_side}} \
        --round-trip-ms {{round_trip_ms}} --raw target/figures-{{round_trip_ms}}.jsonl

# every shipped game day
drills:
    #!/usr/bin/env sh
    set -eu
    cargo build --locked --quiet
    for scenario in $(target/debug/failoverctl drill list | cut -d' ' -f1); do
        target/debug/failoverctl drill --scenario "$scenario" --out "target/drill-report/$scenario"
    done

# the model check with an optimised build; up to that many faults in one story
model-check faults="2":
    FAILOVERD_MODEL_FAULTS={{faults}} cargo test --locked --profile bench --test model -- --nocapture

# accept what the snapshot tests have seen, then look at the diff
snapshots:
    INSTA_UPDATE=always cargo test --locked
    git diff --stat -- '*.snap'

# many seeds of the simulation on every core, each twice: `just simulate 10000 5000000` begins at 5000000
simulate seeds="1000" first="1000000":
    SIMULATION_SEEDS={{seeds}} SIMULATION_FIRST={{first}} cargo test --profile bench --locked --test simulation -- --nocapture campaign
