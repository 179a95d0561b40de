//! What failed, as Markdown: what an engineer would look at first.

use std::fmt::Write;

use kulisse_core::api::evidence::{ContainerEvidence, ContainerState, EventEvidence, Evidence};

use super::markdown::{code, fence, plain};

/// Each failure with its containers, Events and last lines; of each list as many as `rows`.
pub fn failed(evidence: &[Evidence], rows: usize) -> String {
    let mut text = String::new();
    for it in evidence.iter().take(rows) {
        let since = it.since.as_ref().map(|at| format!(" since {}", at.0)).unwrap_or_default();
        let _ = writeln!(
            text,
            "**{}**: {}{since}: {}\n",
            code(&it.subject),
            it.reason,
            plain(&it.message)
        );
        if let Some(pod) = it.pod.as_ref().filter(|_| !it.containers.is_empty()) {
            let _ = writeln!(text, "Containers of Pod {}:\n", code(pod));
            text += "| container | state | exit code | restarts | says |\n|---|---|---|---|---|\n";
            it.containers.iter().for_each(|it| text += &container(it));
            text.push('\n');
        }
        it.events.iter().rev().take(rows).for_each(|it| text += &event(it));
        for it in it.containers.iter().filter(|it| !it.last_lines.is_empty()) {
            let from = it.last_lines.len().saturating_sub(rows);
            let lines = it.last_lines[from..].join("\n");
            let fence = fence(&lines);
            let _ = writeln!(
                text,
                "\nLast lines of {}:\n\n{fence}text\n{lines}\n{fence}",
                code(&it.name)
            );
        }
        text.push('\n');
    }
    if evidence.len() > rows {
        let _ = writeln!(text, "… and {} more: the StagingPlan lists all", evidence.len() - rows);
    }
    text
}

fn container(it: &ContainerEvidence) -> String {
    let state = match it.state {
        ContainerState::Waiting => "waiting",
        ContainerState::Running => "running",
        ContainerState::Terminated => "ended",
    };
    let reason = it.reason.as_ref().map(|it| format!(", {}", plain(it))).unwrap_or_default();
    let exit_code = it.exit_code.map(|it| it.to_string()).unwrap_or_default();
    let says = plain(it.message.as_deref().unwrap_or_default());
    format!("| {} | {state}{reason} | {exit_code} | {} | {says} |\n", code(&it.name), it.restarts)
}

fn event(it: &EventEvidence) -> String {
    let times = if it.count > 1 { format!(" ({} times)", it.count) } else { String::new() };
    format!("- {}{times}: {}\n", plain(&it.reason), plain(&it.message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_with_its_containers_events_and_last_lines() {
        let evidence = [Evidence {
            subject: "Deployment.apps/web".into(),
            reason: "CrashLooping".into(),
            message: "it keeps ending".into(),
            pod: Some("web-5f-x".into()),
            containers: vec![ContainerEvidence {
                name: "web".into(),
                state: ContainerState::Waiting,
                reason: Some("CrashLoopBackOff".into()),
                exit_code: Some(3),
                restarts: 4,
                message: None,
                last_lines: vec!["one".into(), "```two".into()],
            }],
            events: vec![EventEvidence {
                reason: "BackOff".into(),
                message: "again | again".into(),
                count: 2,
                at: None,
            }],
            ..Evidence::default()
        }];
        let text = failed(&evidence, 40);
        for part in [
            "**`Deployment.apps/web`**: CrashLooping: it keeps ending\n",
            "| `web` | waiting, CrashLoopBackOff | 3 | 4 |  |\n",
            "- BackOff (2 times): again \\| again\n",
            "\n````text\none\n```two\n````\n",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!failed(&evidence, 1).contains("one\n"), "the last lines stay");
    }
}
