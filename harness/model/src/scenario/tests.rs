use std::path::Path;

use serde_json::json;

use super::{
    verb::{Step, envoy::EnvoyStep, request::RequestStep},
    *,
};
use crate::{
    mesh::{GroupSpec, Service},
    scenario::verb::envoy::Endpoints,
};

/// One mesh, `petshop`: an ingress and up to three pets.
struct Petshop(MeshSpec);

impl Petshop {
    fn new() -> Self {
        let group = |service: Option<Service>, envoy: bool, replicas| GroupSpec {
            application: service.map(Into::into),
            envoy: envoy.then(|| "envoy.yaml".into()),
            overlays: Vec::new(),
            replicas,
            started: true,
            registered: service.is_some() && envoy,
        };
        let groups = IndexMap::from([
            ("sds".to_owned(), group(Some(Service::Sds), false, None)),
            ("ingress".to_owned(), group(None, true, None)),
            ("pet".to_owned(), group(Some(Service::Pet), true, Some(3))),
        ]);
        Self(MeshSpec {
            name: "petshop".to_owned(),
            groups,
            envoy: None,
            certificates: None,
            alone: None,
            fixed: [].into(),
        })
    }
}

impl Meshes for Petshop {
    fn mesh(&self, name: &str) -> Result<&MeshSpec, Vec<String>> {
        if name == self.0.name {
            Ok(&self.0)
        } else {
            Err(vec![self.0.name.clone()])
        }
    }

    fn overlay(&self, _: &str) -> Result<&Path, Vec<String>> {
        Err(Vec::new())
    }
}

fn case_of(text: &str, params: serde_json::Value) -> Result<Case, Vec<Diagnostic>> {
    let serde_json::Value::Object(params) = params else {
        panic!("parameters are a mapping")
    };
    let scenario = Scenario::read("folder/name", Source::new("s.yaml", text), &SharedAxes::default())?;
    scenario.case(params.into_iter().collect(), &Petshop::new())
}

/// `line:column message` of everything that is wrong.
fn told(text: &str, params: serde_json::Value) -> Vec<String> {
    let wrong = match case_of(text, params) {
        Ok(case) => panic!("nothing is wrong with {}", case.id),
        Err(wrong) => wrong,
    };
    wrong
        .iter()
        .map(|wrong| format!("{}:{} {}", wrong.place.line, wrong.place.column, wrong.message))
        .collect()
}

fn request(case: &Case, index: usize) -> &RequestStep {
    match &case.steps[index].value {
        Step::Request(step) => step,
        other => panic!("{other:?}"),
    }
}

fn envoy(case: &Case, index: usize) -> &EnvoyStep {
    match &case.steps[index].value {
        Step::Envoy(step) => step,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_old_spelling_means_the_same() {
    let steps = |key: &str| {
        let text = format!("promise: p\nmesh: petshop\nsteps:\n  - {{get: /pets, {key}: pet-1, status: 200}}\n");
        case_of(&text, json!({})).unwrap().steps[0].describe()
    };
    assert_eq!(steps("straight-to"), steps("direct"));
    let both = "promise: p\nmesh: petshop\nsteps:\n  - {get: /pets, direct: pet-1, straight-to: pet-2, status: 200}\n";
    assert_eq!(told(both, json!({})), ["4:5 `direct` is there in two spellings"]);
}

#[test]
fn the_smallest_scenario_is_five_lines() {
    let text = "promise: Every pet is there.\nmesh: petshop\nsteps:\n  - get: /pets\n    status: 200\n";
    let case = case_of(text, json!({})).unwrap();
    assert_eq!(
        (case.id.as_str(), case.promise.as_str()),
        ("folder/name", "Every pet is there.")
    );
    assert_eq!(case.steps.len(), 1);
    assert_eq!((case.steps[0].place.line, case.steps[0].place.column), (4, 5));
}

#[test]
fn a_value_that_stands_alone_keeps_its_type_and_one_among_words_is_text() {
    let text = "promise: ${pets} pets\nmesh: {use: petshop, replicas: {pet: \"${pets}\"}}\naxes: {pets: [3], word: ['3'], yes: [true]}\n\
                steps:\n  - get: /pets/${pets}\n    status: 200\n    times: ${pets}\n    text: ${word}\n    contains: n ${pets}\n    \
                json: {number: \"${pets}\", word: \"${word}\", yes: \"${yes}\", \"key-${word}\": \"${pets}${word}\"}\n  \
                - envoy: ingress\n    endpoints: {pet: '${pets}'}\n    that: ready == 'LIVE' && params.pets == ${pets}\n";
    let case = case_of(text, json!({"pets": 3, "word": "3", "yes": true})).unwrap();
    assert_eq!(case.id, "folder/name[pets=3,word=3,yes=true]");
    assert_eq!(case.promise, "3 pets");
    assert_eq!(case.mesh.groups["pet"].replicas, Some(3));
    let step = request(&case, 0);
    assert_eq!(step.get.as_ref().unwrap().value, "/pets/3");
    assert_eq!(step.times.as_ref().unwrap().value, 3);
    assert_eq!(step.answer.text.as_ref().unwrap().value, "3");
    assert_eq!(step.answer.contains.as_ref().unwrap().0, ["n 3"]);
    assert_eq!(
        step.answer.json.as_ref().unwrap().0,
        json!({"number": 3, "word": "3", "yes": true, "key-3": "33"})
    );
    assert_eq!(envoy(&case, 1).endpoints[0], Endpoints::Count(3));
    assert_eq!(envoy(&case, 1).that[0].value, "ready == 'LIVE' && params.pets == 3");
}

#[test]
fn a_step_with_a_condition_is_in_the_cases_of_which_it_is_true() {
    let text = "promise: p\nmesh: petshop\naxes: {how: [killed, paused], pets: [1, 2]}\nsteps:\n  - when: params.how == 'killed'\n    \
                kill: pet-1\n  - pause: pet-1\n    when: params.how == 'paused' && params.pets > 1\n  - get: /pets/${pets}\n    status: 200\n";
    let verbs = |how: &str, pets: u32| {
        let case = case_of(text, json!({"how": how, "pets": pets})).unwrap();
        case.steps
            .iter()
            .map(|step| step.describe().split(' ').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(verbs("killed", 2), ["kill", "get"]);
    assert_eq!(verbs("paused", 2), ["pause", "get"]);
    assert_eq!(verbs("paused", 1), ["get"]);
}

#[test]
fn mistakes_are_told_in_the_order_of_the_file() {
    let text = "promise: ''\nmesh: petshop\ntags: [two words]\nsteps:\n  - kill: pet-9\n  - load: l\n    get: x\n    rate: 1/s\n  \
                - get: /\n    that: stauts == 1 && foo(1)\n  - kill: {a: b}\n";
    // A step that cannot be read hides nothing of the others; of what depends on all of them, as a load that nobody judges, nothing can
    // be said then.
    assert_eq!(
        told(text, json!({})),
        [
            "1:10 the promise is empty",
            "3:8 `two words` is not a tag",
            "5:11 there is no pod `pet-9` in this mesh",
            "7:10 a path begins with a slash",
            "10:11 there is no variable `stauts` here",
            "10:26 CEL has no function `foo`",
            "11:11 expected a text, found a mapping",
        ]
    );
    let text = text.replace("{a: b}", "nobody");
    assert_eq!(
        told(&text, json!({})),
        [
            "1:10 the promise is empty",
            "3:8 `two words` is not a tag",
            "5:11 there is no pod `pet-9` in this mesh",
            "6:11 nothing is expected of the load `l`",
            "7:10 a path begins with a slash",
            "10:11 there is no variable `stauts` here",
            "10:26 CEL has no function `foo`",
            "11:11 there is no pod `nobody` in this mesh",
        ]
    );
}

#[test]
fn a_file_has_the_same_places_whatever_ends_its_lines() {
    let text = "promise: ž\nmesh: petshop\nsteps:\n  - kill: pet-9\n  - get: /\n    that: text == 'ž' && stauts\n    status: 200\n";
    for text in [text.to_owned(), text.replace('\n', "\r\n"), format!("\u{feff}{text}")] {
        assert_eq!(
            told(&text, json!({})),
            [
                "4:11 there is no pod `pet-9` in this mesh",
                "6:26 there is no variable `stauts` here"
            ],
            "{text:?}"
        );
    }
}

#[test]
fn an_expression_with_a_value_put_in_is_told_as_a_whole() {
    let text =
        "promise: p\nmesh: petshop\naxes: {n: [1]}\nsteps:\n  - get: /\n    that: status == ${n} && stauts == 2\n";
    // The value is shorter than what stands for it, so the parts behind it are elsewhere.
    assert_eq!(told(text, json!({"n": 1})), ["6:11 there is no variable `stauts` here"]);
}

#[test]
fn a_case_without_a_check_is_told_even_where_other_cases_have_one() {
    let text = "promise: p\nmesh: petshop\naxes: {how: [a, b]}\nsteps:\n  - kill: pet-1\n  - get: /\n    when: params.how == 'a'\n    status: 200\n";
    assert!(case_of(text, json!({"how": "a"})).is_ok());
    assert_eq!(told(text, json!({"how": "b"})), ["4:1 nothing is expected in any step"]);
}

#[test]
fn a_harmed_network_is_read_with_the_values_of_the_case() {
    use crate::network::NetworkFault;
    use std::time::Duration;

    let text = "promise: p\nmesh: petshop\naxes: {cut: [black-holed, refusing], pod: [pet-1], loss: [20%], delay: [50ms]}\nsteps:\n  \
                - {network: \"${cut}\", between: [\"${pod}\", sds]}\n  - {network: disconnected, of: [pet, ingress]}\n  \
                - {network: lossy, of: \"${pod}\", loss: \"${loss}\"}\n  - {network: slow, of: pet, delay: \"${delay}\"}\n  \
                - {network: restored, of: pet-1, within: 5s}\n  - network: restored\n  - {get: /pets, status: 200}\n";
    let params = |cut: &str| json!({"cut": cut, "pod": "pet-1", "loss": "20%", "delay": "50ms"});
    let faults = |cut: &str| -> Vec<Option<NetworkFault>> {
        let case = case_of(text, params(cut)).unwrap();
        let steps = case.steps.iter();
        steps
            .filter_map(|step| match &step.value {
                Step::Network(step) => Some(step.fault()),
                _ => None,
            })
            .collect()
    };
    let rest = [
        Some(NetworkFault::Disconnect),
        Some(NetworkFault::Loss { share: 0.2 }),
        Some(NetworkFault::Latency {
            delay: Duration::from_millis(50),
        }),
        None,
        None,
    ];
    assert_eq!(faults("black-holed")[0], Some(NetworkFault::BlackHole));
    assert_eq!(faults("refusing")[0], Some(NetworkFault::Refuse));
    assert_eq!(faults("refusing")[1..], rest);
    let case = case_of(text, params("black-holed")).unwrap();
    let lines: Vec<String> = case.steps.iter().map(|step| step.describe()).collect();
    assert_eq!(
        lines,
        [
            "network black-holed between pet-1 and sds",
            "network disconnected of pet, ingress",
            "network lossy, 20% lost of pet-1",
            "network slow by 50ms of pet",
            "network restored of pet-1",
            "network restored",
            "get /pets",
        ]
    );
    assert_eq!(case.impact(), verb::Impact::Lasting);
}

#[test]
fn what_other_protocols_say_is_read_and_told_in_a_line() {
    let text = "promise: p\nmesh: petshop\nsteps:\n  \
                - {grpc: a.B/C, host: foo.com, times: 4, deadline: 2s, source: 127.0.0.9, status: [OK, 14]}\n  \
                - {grpc: a.B/C, messages: [{}, {}], at: pet-1, tls: {verify: false}, replies: []}\n  \
                - {websocket: /chat, proxy-protocol: {version: 2, source: '192.0.2.7:1'}, receive: hello}\n  \
                - {tcp: 'pet-1:10001', send: \"a\\n\", half-close: true, ends: closed}\n  \
                - {raw: \"GET / HTTP/1.1\\n\\n\", at: pet-1, status: 400}\n";
    let case = case_of(text, json!({})).unwrap();
    let lines: Vec<String> = case.steps.iter().map(|step| step.describe()).collect();
    assert_eq!(
        lines,
        [
            "grpc a.B/C for foo.com 4 times within 2s from 127.0.0.9",
            "grpc a.B/C with 2 messages at pet-1 with TLS",
            "websocket /chat on behalf of 192.0.2.7:1",
            "tcp pet-1:10001 sends \"a\\n\" and nothing more",
            "raw \"GET / HTTP/1.1\" at pet-1",
        ]
    );
    let Step::Raw(raw) = &case.steps[4].value else { panic!() };
    assert_eq!(raw.bytes(), b"GET / HTTP/1.1\r\n\r\n");
}

#[test]
fn what_a_step_of_another_protocol_leaves_of_its_mesh_is_known() {
    use crate::scenario::verb::Impact;

    let impact = |step: &str| {
        let text = format!("promise: p\nmesh: petshop\nsteps:\n  - {{{step}}}\n");
        case_of(&text, json!({})).unwrap().impact()
    };
    assert_eq!(impact("grpc: grpc.health.v1.Health/Check, status: OK"), Impact::None);
    assert_eq!(impact("grpc: a.B/C, status: OK"), Impact::Lasting);
    assert_eq!(impact("websocket: /chat, status: 403"), Impact::Lasting);
    assert_eq!(impact("tcp: 'pet-1:10001', ends: closed"), Impact::None);
    assert_eq!(impact("tcp: 'pet-1:10001', send: a, ends: closed"), Impact::Lasting);
}

#[test]
fn a_case_needs_what_its_steps_do_from_the_first_line_that_does_it() {
    use crate::capability::Capability as C;

    let needs = |steps: &str| -> Vec<(C, usize)> {
        let text = format!("promise: p\nmesh: petshop\nsteps:\n{steps}  - {{get: /pets, status: 200}}\n");
        case_of(&text, json!({})).unwrap().needs().into_iter().collect()
    };
    assert_eq!(needs(""), []);
    assert_eq!(
        needs("  - {fault: pet, status: 500}\n  - heal: pet\n  - register: {pet: 1}\n  - discovery: refusing\n"),
        [],
        "what is asked over HTTP needs nothing"
    );
    assert_eq!(
        needs("  - scale: {pet: 1}\n  - kill: pet-1\n  - start: pet-1\n  - pause: ingress\n  - resume: ingress\n"),
        [(C::Scale, 4), (C::Kill, 5), (C::Stop, 6), (C::Pause, 7)]
    );
    assert_eq!(
        needs("  - kill: [sds/application, ingress/envoy, pet]\n  - stop: pet-1/envoy\n"),
        [(C::Kill, 4), (C::Stop, 5), (C::SingleContainer, 5)],
        "the only container of a pod is the pod"
    );
    assert_eq!(
        needs("  - discovery: hung\n  - discovery: killed\n  - discovery: restored\n"),
        [(C::Pause, 4), (C::Kill, 5)]
    );
    assert_eq!(
        needs("  - {discovery: restored, registry: lost}\n"),
        [(C::Kill, 4), (C::Stop, 4)]
    );
    assert_eq!(
        needs(
            "  - {get: /pets, status: 200}\n  - {network: slow, of: pet, delay: 1ms}\n  - {network: disconnected, of: pet}\n  \
             - {network: refusing, between: [pet, sds]}\n  - network: restored\n"
        ),
        [(C::ShapeNetwork, 5), (C::CutNetwork, 6)]
    );
    assert_eq!(needs("  - network: restored\n"), []);
    assert_eq!(
        needs("  - {get: /pets, status: 200}\n  - {tcp: 'pet-1:10001', source: 127.0.0.9, ends: closed}\n"),
        [(C::SourceAddress, 5)]
    );
}

#[test]
fn a_mistake_of_a_type_hides_no_other() {
    let head = "promise: x\nmesh: petshop\nsteps:\n";
    let told = |steps: &str| told(&format!("{head}{steps}"), json!({}));
    assert_eq!(
        told("  - {get: /pets, status: many}\n  - kill: pot-1\n  - check: pets ==\n").len(),
        3,
        "a type, a name and an expression"
    );
    // What only follows from the step that cannot be read is not told.
    assert_eq!(
        told("  - {load: all, get: /pets, rate: fast}\n  - {expect: all, for: 1s, errors: 0}\n  - kill: pot-1\n").len(),
        2
    );
    assert_eq!(
        told("  - {get: /pets, keep: seen, times: many}\n  - check: seen.status == 200\n  - stop: pet-9\n").len(),
        2
    );
}

/// Regression: a file of a scenario without axes could have the id of another one's case.
#[test]
fn no_file_is_called_as_a_case_is() {
    let text = "promise: p\nmesh: petshop\nsteps: [{get: /stores/1, status: 200}]\n";
    for id in ["a/x[a=1]", "a/x,y", "x=1"] {
        let wrong = Scenario::read(id, Source::new("s.yaml", text), &SharedAxes::default()).expect_err("it is refused");
        assert!(wrong[0].message.contains(id) && wrong[0].help.is_some(), "{wrong:?}");
    }
}
