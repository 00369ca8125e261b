//! The arguments of `meshkat schema`.

use clap::ValueEnum;

#[derive(Debug, clap::Args)]
pub(crate) struct SchemaArgs {
    /// Which kind of file.
    #[arg(value_enum, default_value = "scenario")]
    pub(crate) kind: SchemaKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaKind {
    Scenario,
    Mesh,
    /// `scenarios/axes.yaml`.
    Axes,
    /// A file of `envoy-configs/overlays/`.
    Overlay,
    /// A file for `meshkat cover`.
    Cover,
}
