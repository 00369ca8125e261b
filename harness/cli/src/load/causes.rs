//! Where it is told what is wrong with scenarios because of another file.

use meshkat_model::{project::MeshFiles, scenario::INVALID_ELSEWHERE, source::Diagnostic};

/// What is wrong with scenarios only because another file is invalid is told at that file.
pub(super) fn with_causes(
    wrong: Vec<Diagnostic>,
    of_meshes: &[Diagnostic],
    of_axes: &[Diagnostic],
    meshes: &MeshFiles,
) -> Vec<Diagnostic> {
    let mut all = Vec::new();
    for diagnostic in wrong {
        let says = |part: &str| diagnostic.message.contains(part);
        if diagnostic.label == INVALID_ELSEWHERE {
            let of_mesh = meshes
                .invalid()
                .iter()
                .filter(|(name, _)| says(&format!("mesh `{name}`")));
            let mut causes: Vec<Diagnostic> = of_mesh.flat_map(|(_, wrong)| wrong.iter().cloned()).collect();
            if says("shared values") {
                causes.extend(of_axes.iter().cloned());
            }
            all.extend(
                causes
                    .into_iter()
                    .filter(|cause| !all.contains(cause))
                    .collect::<Vec<_>>(),
            );
            continue;
        }
        // One that may not be used is none that there is.
        if says("there is no overlay") {
            let of_overlays = of_meshes
                .iter()
                .filter(|wrong| wrong.source.name().contains("overlays"));
            all.extend(of_overlays.cloned());
        }
        all.push(diagnostic);
    }
    all
}
