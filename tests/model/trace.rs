//! A counterexample as a person reads it.

use stateright::Path;

use crate::scene::{Job, Scene, Task};
use crate::setting::member;
use crate::shell::Deed;
use crate::story::Happening;

/// Each step in a line.
pub fn tell(path: &Path<Scene, Happening>) -> Vec<String> {
    path.clone()
        .into_vec()
        .iter()
        .filter_map(|(scene, happening)| Some(line(scene, (*happening)?)))
        .collect()
}

fn line(scene: &Scene, happening: Happening) -> String {
    let round = scene.round;
    let text = match happening {
        Happening::Do(index, deed) => doing(&scene.tasks[index], deed),
        Happening::Land(index) | Happening::Vanish(index) => {
            let request = &scene.world.requests[index];
            let became = match happening {
                Happening::Land(_) => "lands",
                _ => "is lost",
            };
            let (step, attempt) = (&request.step, request.attempt);
            format!("the request for {step}, attempt {attempt}, {became}")
        }
        Happening::Deliver(index) => {
            let letter = &scene.mail[index];
            let (from, to) = (member(letter.from), member(letter.to));
            format!("the late sheet of {from} reaches {to}")
        }
        Happening::Elect(index, kept) => {
            let of = scene.tail.len();
            let me = member(index);
            format!("{me} is elected with {kept} of {of} uncommitted commands")
        }
        other => format!("{other:?}"),
    };
    format!("round {round}: {text}")
}

fn doing(task: &Task, deed: Deed) -> String {
    let who = member(task.by);
    let what = match &task.job {
        Job::ReadTraffic => "reads traffic".to_owned(),
        Job::Open { .. } => "opens a run".to_owned(),
        Job::Observe { step, .. } => format!("looks at {step}"),
        Job::Commit { step, body, .. } => {
            let body = format!("{body:?}");
            let word = body.split([' ', '{']).next().unwrap_or_default();
            format!("commits {word} of {:?}", step.as_str())
        }
        Job::Call { step, attempt, .. } => format!("calls {step}, attempt {attempt}"),
    };
    format!("{who} {what}: {deed:?}")
}
