//! Where routes are registered: each with its rule, and with it in the document.
//!
//! Invariant: there is no route under `/v1` without a rule but the document's own, and no rule that the
//! document does not tell.

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::MethodRouter;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{
    ContentBuilder, ObjectBuilder, OpenApi, Ref, RefOr, Required, ResponseBuilder, Type,
};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use super::access::role_word;
use super::gate::{self, Gate, Rule};
use super::memory;
use super::places::Class;
use super::problem::PROBLEM_JSON;
use super::state::Api;
use super::wire::AccessRole;

/// Where the rule stands in the document.
pub(super) const ROLE: &str = "x-failoverd-role";
pub(super) const CHANGES: &str = "x-failoverd-changes";
pub(super) const WHOLE: &str = "x-failoverd-unscoped";

/// Routes in the making.
pub(super) struct Room {
    api: Api,
    router: OpenApiRouter<Api>,
}

impl Room {
    pub fn new(api: Api, document: OpenApi) -> Self {
        Self {
            api,
            router: OpenApiRouter::with_openapi(document),
        }
    }

    /// GET, for whoever has that role.
    pub fn look(self, role: AccessRole, routes: UtoipaMethodRouter<Api>) -> Self {
        self.add(rule(role, Class::Read), routes)
    }

    /// GET that lasts, for whoever has that role.
    pub fn stream(self, role: AccessRole, routes: UtoipaMethodRouter<Api>) -> Self {
        self.add(rule(role, Class::Stream), routes)
    }

    /// POST that changes nothing.
    pub fn ask(self, role: AccessRole, routes: UtoipaMethodRouter<Api>) -> Self {
        self.add(rule(role, Class::Write), routes)
    }

    /// POST that changes something, of what is in the caller's scope.
    pub fn change(self, role: AccessRole, routes: UtoipaMethodRouter<Api>) -> Self {
        let changes = true;
        let rule = rule(role, Class::Write);
        self.add(Rule { changes, ..rule }, routes)
    }

    /// Likewise, of everything: for callers without a scope.
    pub fn change_all(self, role: AccessRole, routes: UtoipaMethodRouter<Api>) -> Self {
        let (changes, whole) = (true, true);
        let rule = rule(role, Class::Write);
        self.add(
            Rule {
                changes,
                whole,
                ..rule
            },
            routes,
        )
    }

    /// GET of everything: for callers without a scope.
    pub fn look_at_all(self, role: AccessRole, routes: UtoipaMethodRouter<Api>) -> Self {
        let whole = true;
        let rule = rule(role, Class::Read);
        self.add(Rule { whole, ..rule }, routes)
    }

    /// For everybody: it tells nothing about the cluster.
    pub fn open(mut self, routes: UtoipaMethodRouter<Api>) -> Self {
        self.router = self.router.routes(routes);
        self
    }

    fn add(mut self, rule: Rule, (schemas, mut paths, methods): UtoipaMethodRouter<Api>) -> Self {
        let mut rule = rule;
        for item in paths.paths.values_mut() {
            for operation in operations(item) {
                describe(operation, rule);
                rule.query |= takes_a_query(operation);
            }
        }
        let gate = Gate {
            api: self.api.clone(),
            rule,
        };
        let methods: MethodRouter<Api> = methods.route_layer(from_fn_with_state(gate, gate::enter));
        self.router = self.router.routes((schemas, paths, methods));
        self
    }

    /// The routes, and what they say of themselves.
    pub fn close(self) -> (Router, OpenApi) {
        let (router, document) = self.router.split_for_parts();
        (router.with_state(self.api), document)
    }
}

fn rule(role: AccessRole, class: Class) -> Rule {
    Rule {
        role,
        class,
        changes: false,
        whole: false,
        query: false,
    }
}

/// Of the methods that are in use here.
fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    item.get.iter_mut().chain(item.post.iter_mut())
}

fn takes_a_query(operation: &Operation) -> bool {
    let mut parameters = operation.parameters.iter().flatten();
    parameters
        .any(|parameter| matches!(parameter, RefOr::T(p) if p.parameter_in == ParameterIn::Query))
}

fn describe(operation: &mut Operation, rule: Rule) {
    let role = role_word(rule.role);
    let mut text = operation.description.take().unwrap_or_default();
    if !text.is_empty() {
        text.push_str("\n\n");
    }
    text.push_str(&format!("Needs the role {role}"));
    if rule.whole {
        text.push_str(", and a token that is not for some applications alone");
    }
    text.push('.');
    operation.description = Some(text);
    let schemes = ["token", "certificate"];
    operation.security = Some(
        schemes
            .map(|scheme| SecurityRequirement::new(scheme, [role]))
            .into(),
    );
    let rule_in_words = ExtensionsBuilder::new()
        .add(ROLE, role)
        .add(CHANGES, rule.changes)
        .add(WHOLE, rule.whole)
        .build();
    operation.extensions = Some(rule_in_words);
    if rule.changes {
        let key = ParameterBuilder::new()
            .name(memory::HEADER)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(
                "The same call with the same key is done once within a day; its answer is given again.",
            ))
            .schema(Some(
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .min_length(Some(1))
                    .max_length(Some(128))
                    .pattern(Some("^[!-~]+$")),
            ))
            .build();
        operation
            .parameters
            .get_or_insert_default()
            .push(key.into());
    }
    for (status, text) in refusals(rule) {
        let problem = ResponseBuilder::new().description(*text).content(
            PROBLEM_JSON,
            ContentBuilder::new()
                .schema(Some(Ref::from_schema_name("Problem")))
                .build(),
        );
        operation
            .responses
            .responses
            .entry((*status).to_owned())
            .or_insert_with(|| problem.build().into());
    }
}

/// How a call may be refused, by its kind.
fn refusals(rule: Rule) -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    const ALL: &[(&str, &str)] = &[
        ("400", "It cannot be understood."),
        ("401", "It does not show who asks."),
        ("403", "Whoever asks may not."),
        ("404", "There is no such thing, or it is out of scope."),
        ("429", "There are too many at the same time."),
        ("503", "No leader, or no quorum: nothing was done."),
    ];
    const POST: &[(&str, &str)] = &[
        (
            "409",
            "A guard or the present state refuses: nothing was done.",
        ),
        ("413", "The body is too long."),
        ("415", "The body is not JSON."),
        ("504", "Whether it was done is not known."),
    ];
    const CHANGE: &[(&str, &str)] = &[("422", "The Idempotency-Key was sent with another body.")];
    let write = rule.class == Class::Write;
    let post = if write { POST } else { &[] };
    let change = if rule.changes { CHANGE } else { &[] };
    ALL.iter().chain(post).chain(change)
}
