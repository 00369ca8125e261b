# What people type. `just` without a recipe runs the scenarios.
e2e *ARGS: build
    target/debug/meshkat run {{ARGS}}

# Every test, on the real Envoy. Builds the binaries first: tests start them.
test: build
    cargo test --workspace

lint: build
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    target/debug/meshkat lint

# Ratios, measured in one run.
bench *ARGS:
    cargo build --release --workspace --bins
    cargo run --release -p meshkat-bench -- {{ARGS}}

# Any command of meshkat: `just meshkat up`.
meshkat *ARGS: build
    @target/debug/meshkat {{ARGS}}

# What ended runs left behind, and the build.
clean:
    -target/debug/meshkat clean
    cargo clean

[private]
build:
    @cargo build --quiet --workspace --bins
