//! One case on a running mesh: its steps, one after the other, until one does not hold.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use indexmap::IndexMap;
use meshkat_driver::{Client, Jar, Load, Progress};
use meshkat_model::{
    case::{Case, DEADLINE},
    event::Event,
    grpc::Schema,
    machine::{Machine, SHORTEST_LIMIT},
    observation::EnvoyView,
    results::{Failure, LoadResult, Status, StepResult},
    scenario::verb::Step,
    verdict::{Check, Surroundings, Undecided, Unmet},
    yaml::At,
};
use meshkat_runtime::{ContainerState, RuntimeError};
use serde_json::json;
use tokio::time::timeout_at;

use crate::{
    machine::Watch,
    mesh::{MeshError, RunningMesh},
    sink::Sink,
    steps::{self, Before, Marks},
};

/// So many loads are told of when a case takes too long.
const MOST_LOADS: usize = 5;

/// How late requests of loads were sent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sends {
    /// How many were not in time.
    pub(crate) late: u64,
    /// How late the latest was.
    pub(crate) delay: Duration,
}

impl Sends {
    fn of(self, machine: Machine) -> Machine {
        Machine {
            sent_late: self.late,
            send_delay_max_ms: self.delay.as_secs_f64() * 1000.0,
            ..machine
        }
    }
}

/// What came of one attempt at a case.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) status: Status,
    pub(crate) duration: Duration,
    pub(crate) checks: u64,
    pub(crate) requests: u64,
    pub(crate) steps: Vec<StepResult>,
    pub(crate) failure: Option<Failure>,
    /// What became of its loads.
    pub(crate) loads: Vec<LoadResult>,
    /// What was measured of the machine meanwhile.
    pub(crate) machine: Option<Machine>,
    /// Why it proves nothing, and is made again; with what was not as expected, if that is why.
    pub(crate) void: Option<Undecided>,
}

/// Why a step did not hold.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The machine may have decided it: it proves nothing, whether it held or not.
    Void(Undecided),
    /// An expectation did not hold, or the mesh did not do what it was asked for.
    Expectation(Unmet),
    /// The environment broke.
    Environment(String),
}

impl From<Unmet> for Broken {
    fn from(unmet: Unmet) -> Self {
        Self::Expectation(unmet)
    }
}

/// What the runtime cannot do is the environment's fault; what cannot be done to a container in its state is the scenario's.
pub(crate) fn environment(outcome: Result<(), RuntimeError>) -> Result<(), Broken> {
    outcome.map_err(|error| match error {
        RuntimeError::WrongState { .. } => Unmet::new(error.to_string()).into(),
        _ => Broken::Environment(error.to_string()),
    })
}

/// A load of a case, and where its last `expect` ended.
pub(crate) struct RunningLoad {
    pub(crate) load: Load,
    pub(crate) judged_until: Duration,
    /// When it was stopped, on its own clock.
    pub(crate) stopped: Option<Duration>,
}

/// A case while it runs.
pub(crate) struct CaseRun<'a> {
    pub(crate) mesh: &'a RunningMesh,
    pub(crate) case: &'a Case,
    pub(crate) client: Client,
    pub(crate) watch: &'a Watch,
    begun: Instant,
    pub(crate) loads: IndexMap<String, RunningLoad>,
    pub(crate) views: HashMap<String, EnvoyView>,
    /// What is known of services of gRPC, by who told it and of which.
    pub(crate) schemas: HashMap<(String, String), Schema>,
    kept: IndexMap<String, serde_json::Value>,
    /// What was told by `Set-Cookie`, by the name of the jar.
    pub(crate) jars: IndexMap<String, Jar>,
    /// What had reached backends when the case began, and when the last `received` step ended.
    pub(crate) received_before: Before,
    pub(crate) received_last: Before,
    /// When the case began, as access logs write it, and how long the logs of Envoys were then.
    pub(crate) began: String,
    pub(crate) log_marks: Marks,
    /// How long the log of an Envoy was when a step kept what it said, by the name of that.
    pub(crate) kept_log_marks: HashMap<String, Marks>,
    /// What became of searches for the highest rate.
    pub(crate) searched: Vec<LoadResult>,
    pub(crate) checks: u64,
    pub(crate) requests: u64,
    /// How late requests of loads were sent, of what was judged.
    pub(crate) sends: Sends,
}

impl<'a> CaseRun<'a> {
    pub(crate) fn new(mesh: &'a RunningMesh, case: &'a Case, client: Client, watch: &'a Watch) -> Self {
        let kept = IndexMap::new();
        Self {
            mesh,
            case,
            client,
            watch,
            begun: Instant::now(),
            loads: IndexMap::new(),
            views: HashMap::new(),
            schemas: HashMap::new(),
            kept,
            jars: IndexMap::new(),
            received_before: Before::default(),
            received_last: Before::default(),
            began: String::new(),
            log_marks: Marks::new(),
            kept_log_marks: HashMap::new(),
            searched: Vec::new(),
            checks: 0,
            requests: 0,
            sends: Sends::default(),
        }
    }

    /// Runs the steps until one does not hold.
    pub(crate) async fn run(mut self, sink: &Sink) -> Attempt {
        let start = self.begun;
        let limit = self.case.deadline.unwrap_or(DEADLINE);
        let mut steps = Vec::new();
        let mut failure = None;
        let mut void = None;
        let mut status = Status::Passed;
        let of = self.case.steps.len();
        self.begin_to_receive().await;
        self.begin_to_log().await;
        for (index, step) in self.case.steps.iter().enumerate() {
            let name = step.value.describe();
            sink.send(Event::StepStarted {
                id: self.case.id.clone(),
                round: self.case.round,
                index,
                of,
                name: name.clone(),
            });
            let begun = Instant::now();
            let checks_before = self.checks;
            let outcome = match self.in_time(step, start, limit).await {
                Ok(()) => self.nothing_crashed().await.and_then(|()| self.nothing_late()),
                Err(broken) => Err(broken),
            };
            let step_status = match &outcome {
                Ok(()) => Status::Passed,
                Err(Broken::Expectation(_) | Broken::Void(_)) => Status::Failed,
                Err(Broken::Environment(_)) => Status::Errored,
            };
            let result = StepResult {
                name: name.clone(),
                status: step_status,
                started_ms: millis(begun - start),
                duration_ms: millis(begun.elapsed()),
                checks: self.checks - checks_before,
            };
            sink.send(Event::StepFinished {
                id: self.case.id.clone(),
                round: self.case.round,
                step: result.clone(),
            });
            steps.push(result);
            match outcome {
                Ok(()) => {}
                Err(Broken::Void(undecided)) => {
                    status = step_status;
                    void = Some(Undecided {
                        line: undecided.line.or(Some(step.place.line)),
                        why: format!("{name}: {}", undecided.why),
                    });
                    break;
                }
                Err(broken) => {
                    status = step_status;
                    failure = Some(self.failure(name, step, broken));
                    break;
                }
            }
        }
        // Whatever is due or open: a case that has ended sends nothing more, and the next one finds a mesh at rest.
        Load::end_all(self.loads.values().map(|running| &running.load)).await;
        let mut loads = Vec::new();
        for (name, running) in &self.loads {
            loads.push(steps::result(name, &running.load).await);
        }
        loads.append(&mut self.searched);
        self.requests += self.loads.values().map(|running| running.load.requests()).sum::<u64>();
        if status == Status::Passed && self.checks == 0 {
            status = Status::Errored;
            failure = Some(Failure {
                step: String::new(),
                file: self.case.source.name().to_owned(),
                line: 1,
                message: "the case checked nothing".to_owned(),
                expected: "at least one check".to_owned(),
                actual: "0 checks".to_owned(),
                hints: Vec::new(),
            });
        }
        Attempt {
            status,
            duration: start.elapsed(),
            checks: self.checks,
            requests: self.requests,
            steps,
            failure,
            loads,
            machine: Some(self.sends.of(self.watch.measured_since(start))),
            void,
        }
    }

    /// Does a step within what is left of the time for all steps. On a machine that is busy it may take longer: then it proves nothing.
    async fn in_time(&mut self, step: &At<Step>, start: Instant, limit: Duration) -> Result<(), Broken> {
        let watch = self.watch;
        let late = {
            let mut doing = std::pin::pin!(self.step(step));
            match timeout_at((start + limit).into(), &mut doing).await {
                Ok(ended) => return ended,
                Err(_) => match watch.since(start).extra(limit) {
                    Some(extra) => timeout_at((start + limit + extra).into(), &mut doing)
                        .await
                        .ok()
                        .map(|ended| (ended, extra)),
                    None => None,
                },
            }
        };
        match late {
            Some((Ok(()), extra)) => Err(Broken::Void(Undecided {
                line: None,
                why: format!(
                    "all steps were to end within {limit:?}, and the machine can have taken {extra:.1?} of that"
                ),
            })),
            Some((Err(broken), _)) => Err(broken),
            None => Err(self.too_long(limit)),
        }
    }

    /// A failure that a time limit can have made, unless the machine stood still meanwhile for so long that it may have been that alone.
    pub(crate) fn or_stalled(&self, unmet: Unmet) -> Broken {
        let disturbance = self.watch.since(self.begun);
        if !disturbance.can_break(SHORTEST_LIMIT) {
            return unmet.into();
        }
        let stall = disturbance.stall();
        Broken::Void(Undecided {
            line: unmet.line,
            why: format!(
                "the machine made some wait for up to {stall:.0?}, which is enough for a time limit of an Envoy of {SHORTEST_LIMIT:?} to run \
                 out: {}; expected {}, but {}",
                unmet.message, unmet.expected, unmet.actual
            ),
        })
    }

    /// What came only after its time, because the machine was busy, proves nothing.
    fn nothing_late(&self) -> Result<(), Broken> {
        match self.mesh.take_late() {
            None => Ok(()),
            Some(why) => Err(Broken::Void(Undecided { line: None, why })),
        }
    }

    fn failure(&self, name: String, step: &At<Step>, broken: Broken) -> Failure {
        let (line, message, expected, actual) = match broken {
            Broken::Expectation(unmet) => (unmet.line, unmet.message, unmet.expected, unmet.actual),
            Broken::Environment(message) => (None, message, String::new(), String::new()),
            Broken::Void(undecided) => (undecided.line, undecided.why, String::new(), String::new()),
        };
        Failure {
            step: name,
            file: self.case.source.name().to_owned(),
            line: line.unwrap_or(step.place.line),
            message,
            expected,
            actual,
            hints: Vec::new(),
        }
    }

    /// A container that ended by itself breaks the case, whatever the step said.
    async fn nothing_crashed(&self) -> Result<(), Broken> {
        match self
            .mesh
            .crashed_of(|pod| !self.case.may_crash(&pod.name, &pod.group))
            .await
        {
            None => Ok(()),
            Some(error) => Err(Broken::Expectation(Unmet {
                expected: "every container runs until it is told to end".to_owned(),
                actual: error.to_string(),
                ..Unmet::new("a container ended by itself")
            })),
        }
    }

    fn too_long(&self, limit: Duration) -> Broken {
        Broken::Expectation(Unmet {
            expected: format!("all steps within {limit:?}"),
            actual: format!("this step had not ended{}", self.behind()),
            ..Unmet::new("the case took too long")
        })
    }

    /// The loads of which more was due than was sent, or has ended: most likely they are what takes so long.
    fn behind(&self) -> String {
        let loads = self.loads.iter().filter_map(|(name, running)| {
            let Progress { due, sent, open } = running.load.progress();
            let late = due.saturating_sub(sent);
            (late + open > 0).then(|| {
                format!("; of the {due} requests of `{name}` that were due, {late} were not sent and {open} have no answer yet")
            })
        });
        loads.take(MOST_LOADS).collect()
    }

    /// Counts checks, and gives those that did not hold.
    pub(crate) fn judge(&mut self, checks: Vec<Check>) -> Result<(), Unmet> {
        self.checks += checks.len() as u64;
        Unmet::of(checks).map_or(Ok(()), Err)
    }

    /// Something that the mesh had to do is one check.
    pub(crate) fn judge_mesh(&mut self, outcome: Result<(), MeshError>, expected: &str) -> Result<(), Broken> {
        match outcome {
            Ok(()) => {
                self.checks += 1;
                Ok(())
            }
            Err(MeshError::Runtime(error)) => Err(Broken::Environment(error.to_string())),
            Err(error) => {
                let unmet = Unmet {
                    expected: expected.to_owned(),
                    actual: error.to_string(),
                    ..Unmet::new("the mesh did not follow")
                };
                Err(match error.is_late() {
                    true => self.or_stalled(unmet),
                    false => unmet.into(),
                })
            }
        }
    }

    /// Remembers what a step saw for later expressions.
    pub(crate) fn keep(&mut self, name: &str, variables: meshkat_model::expression::Variables) {
        self.kept.insert(name.to_owned(), json!(variables));
    }

    /// What steps kept so far, by name.
    pub(crate) fn kept(&self) -> &meshkat_model::expression::Variables {
        &self.kept
    }

    /// What expectations refer to beside what was just seen.
    pub(crate) fn surroundings(&self) -> Surroundings {
        let mut surroundings = Surroundings {
            variables: self.kept.clone(),
            ..Surroundings::default()
        };
        let mut pods = serde_json::Map::new();
        let alive = |state: &Option<ContainerState>| state.as_ref().is_some_and(ContainerState::is_alive);
        for pod in self.mesh.pods() {
            let about = json!({
                "group": pod.group,
                "address": pod.address,
                "loopback": pod.loopback,
                "application": alive(&pod.application),
                "envoy": alive(&pod.envoy),
            });
            pods.insert(pod.name.clone(), about);
            surroundings.groups.insert(pod.name, pod.group);
        }
        surroundings.variables.insert("pods".to_owned(), pods.into());
        surroundings
            .variables
            .insert("params".to_owned(), json!(self.case.params));
        surroundings
    }
}

/// Whole milliseconds.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
