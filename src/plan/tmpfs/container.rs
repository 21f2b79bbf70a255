//! In a container that holds one application its runtime makes the mounts, and there is no boot to store them for.

use super::wish::Wish;
use crate::checks::holds_one_application;
use crate::plan::Topic;
use crate::units::quoted;

/// What the wish comes to in such a container; none outside of one.
pub(super) fn draft(wish: &Wish<'_>) -> Option<Topic> {
    let host = &wish.facts.host;
    let container = host.container.as_ref().filter(|container| host.live && holds_one_application(container))?;
    let in_memory = wish.mount().filter(|mount| mount.kind.in_memory() && !mount.options.iter().any(|o| o == "ro"));
    if let Some(mount) = in_memory {
        let mut topic = Topic::default();
        topic.already(format!("{} lies in memory: the container was given {} there", wish.directory, mount.kind));
        return Some(topic);
    }
    let reason = format!(
        "this is a container ({}), and the mounts of a container are made by what starts it, not from within",
        container.because
    );
    Some(Topic::refused(wish.refuse(reason, snippets(&container.runtime, wish.directory))))
}

/// What to write where the container is started. The default size and the flags are those of a mount on a host.
fn snippets(runtime: &str, directory: &str) -> Vec<String> {
    let options = "rw,nosuid,nodev,noexec,size=64m,mode=1777";
    let mount = format!("{}:{options}", quoted(directory));
    let mut snippets = match runtime {
        "kubernetes" => vec![
            "in the pod, volumes: {name: heartbeat, emptyDir: {medium: Memory, sizeLimit: 64Mi}}".to_owned(),
            format!("in its container, volumeMounts: {{name: heartbeat, mountPath: {}}}", in_yaml(directory)),
        ],
        "podman" => vec![format!("podman run --tmpfs {mount} …")],
        _ => vec![
            format!("docker run --tmpfs {mount} …"),
            format!("or in compose.yaml, tmpfs: [{}]", in_yaml(&format!("{directory}:{options}"))),
        ],
    };
    snippets.push("or start Gunicorn with --worker-tmp-dir /dev/shm, which is in memory in a container".to_owned());
    snippets
}

/// A string of YAML in double quotes.
fn in_yaml(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
