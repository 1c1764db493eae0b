//! p02: predicates through wrapping. p09: what errors carry.

use std::error::Error;
use std::fmt;
use std::io;

use redis_replica::push::{
    Operation, ProcessorKind, PushError, Reason, is_handler_exists, is_handler_nil, is_handler_protected,
    is_void_processor,
};
use redis_replica::transport::ClientError;

#[derive(Debug)]
struct Wrapped(Box<dyn Error + Send + Sync>);

impl fmt::Display for Wrapped {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("wrapped")
    }
}

impl Error for Wrapped {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

type Wrap = fn(PushError) -> Box<dyn Error>;
type Predicate = fn(&(dyn Error + 'static)) -> bool;

const PREDICATES: [(&str, Predicate); 4] = [
    ("nil", is_handler_nil),
    ("exists", is_handler_exists),
    ("protected", is_handler_protected),
    ("void", is_void_processor),
];

fn errors() -> Vec<(&'static str, PushError)> {
    let void = |operation| {
        PushError::of_processor(ProcessorKind::VoidProcessor, operation, Some("n"), Reason::PushesDisabled)
    };
    vec![
        ("nil", PushError::of_handler(Operation::Register, "n", Reason::HandlerNil)),
        ("exists", PushError::of_handler(Operation::Register, "n", Reason::HandlerExists)),
        ("protected", PushError::of_handler(Operation::Unregister, "n", Reason::HandlerProtected)),
        ("void", void(Operation::Register)),
        ("void", void(Operation::Unregister)),
    ]
}

/// Exactly the predicate of its kind knows an error, bare and however it is wrapped.
#[test]
fn p02_predicates_see_through_wrapping() {
    let wraps: [(&str, Wrap); 6] = [
        ("bare", |error| Box::new(error)),
        ("once", |error| Box::new(Wrapped(Box::new(error)))),
        ("twice", |error| Box::new(Wrapped(Box::new(Wrapped(Box::new(error)))))),
        ("in an io error", |error| Box::new(Wrapped(Box::new(io::Error::other(error))))),
        ("as a cause", |error| {
            Box::new(PushError::of_handler(Operation::Process, "m", Reason::HandlerFailed).caused_by(error))
        }),
        ("by the client", |error| Box::new(ClientError::from(error))),
    ];
    for (how, wrap) in wraps {
        for (kind, error) in errors() {
            let wrapped = wrap(error);
            for (name, predicate) in PREDICATES {
                assert_eq!(predicate(&*wrapped), name == kind, "{kind} {how}, asked for {name}");
            }
        }
    }
}

#[test]
fn p02_other_errors_are_none_of_these() {
    let others: Vec<Box<dyn Error>> = vec![
        Box::new(io::Error::other("some other error")),
        Box::new(PushError::of_handler(Operation::Register, "n", Reason::HandlerProtected)),
        Box::new(PushError::of_handler(Operation::Unregister, "n", Reason::HandlerExists)),
        Box::new(PushError::of_processor(
            ProcessorKind::Custom,
            Operation::Register,
            None,
            Reason::PushesDisabled,
        )),
        Box::new(PushError::of_handler(Operation::Process, "n", Reason::HandlerFailed)),
    ];
    for error in &others {
        assert!(PREDICATES.iter().all(|(_, predicate)| !predicate(&**error)), "{error}");
    }
}

#[test]
fn p09_errors_carry_operation_name_reason_cause_and_kind() {
    let error = PushError::of_processor(
        ProcessorKind::Custom,
        Operation::Unknown,
        Some("MOVING"),
        Reason::Other("the moon is full".into()),
    )
    .caused_by(io::Error::other("howling"));
    assert_eq!(error.operation(), Operation::Unknown);
    assert_eq!(error.name(), Some("MOVING"));
    assert_eq!(error.reason().to_string(), "the moon is full");
    assert_eq!(error.processor(), Some(ProcessorKind::Custom));
    assert_eq!(error.cause().unwrap().to_string(), "howling");
    assert_eq!(error.source().unwrap().to_string(), "howling");
    assert_eq!(error.to_string(), "custom unknown failed for 'MOVING': the moon is full (howling)");
    let error = PushError::of_handler(Operation::Register, "a\r\nb", Reason::HandlerNil);
    assert_eq!((error.processor(), error.cause().is_none()), (None, true));
    assert_eq!(error.to_string(), r"handler register failed for 'a\r\nb': handler cannot be nil");
}

#[test]
fn p09_the_texts_are_those_that_programs_know() {
    let operations = [Operation::Process, Operation::Register, Operation::Unregister, Operation::Unknown];
    assert_eq!(
        operations.map(|operation| operation.to_string()),
        ["process", "register", "unregister", "unknown"]
    );
    let kinds = [ProcessorKind::Processor, ProcessorKind::VoidProcessor, ProcessorKind::Custom];
    assert_eq!(kinds.map(|kind| kind.to_string()), ["processor", "void_processor", "custom"]);
    let reasons =
        [Reason::HandlerNil, Reason::HandlerExists, Reason::HandlerProtected, Reason::PushesDisabled];
    assert_eq!(
        reasons.map(|reason| reason.to_string()),
        [
            "handler cannot be nil",
            "cannot overwrite existing handler",
            "handler is protected",
            "push notifications are disabled"
        ]
    );
}
