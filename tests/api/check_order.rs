//! The order of a request's checks, on every route: who calls, what their role permits, the path, the body, and last
//! whether the thing exists. So nobody learns from a body or a path what their role does not permit them.

use std::fs;

use reqwest::Method;
use serde_json::Value;

use tests::stage::Stage;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../web/openapi.json");

/// Bodies that no route takes, from no JSON to a wrong field.
const WRONG_BODIES: [&str; 4] = ["{\"", "[]", "null", r#"{"no_such_field":1}"#];

/// A route of the document.
struct Route {
    method: Method,
    path: String,
    /// Absent for a route that needs no token.
    roles: Option<Vec<String>>,
    has_body: bool,
}

fn routes() -> Vec<Route> {
    let document: Value = serde_json::from_str(&fs::read_to_string(DOCUMENT).unwrap()).unwrap();
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let roles = operation["x-roles"].as_array();
            routes.push(Route {
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                roles: roles.map(|roles| roles.iter().map(|role| role.as_str().unwrap().to_owned()).collect()),
                has_body: operation["requestBody"].is_object(),
            });
        }
    }
    routes
}

impl Route {
    /// The path with ids that are well-formed and name nothing.
    fn to_nothing(&self) -> String {
        let id = "01JD0000000000000000000000";
        self.path.replace("{thread_id}", &format!("thr_{id}")).replace("{chatbot_id}", &format!("bot_{id}"))
    }

    /// The path with ids that can be nobody's.
    fn to_nonsense(&self) -> String {
        self.path.replace("{thread_id}", "thr_1").replace("{chatbot_id}", "thr_1")
    }
}

#[tokio::test]
async fn a_request_is_checked_in_the_same_order_on_every_route() {
    let stage = Stage::start().await;
    let (mut cells, mut forbidden) = (0, 0);
    for route in routes() {
        let name = format!("{} {}", route.method, route.path);
        let Some(roles) = &route.roles else { continue };
        for path in [route.to_nothing(), route.to_nonsense()] {
            let bodies: &[&str] = if route.has_body { &WRONG_BODIES } else { &[""] };
            for &body in bodies {
                // Nobody is told anything of path and body.
                let anonymous = stage.anon().sends(route.method.clone(), &path, body).await;
                anonymous.problem(401, "unauthenticated");
                for role in ["customer", "agent", "admin"] {
                    let persona = stage.persona("acme", role, "cus");
                    let answer = persona.sends(route.method.clone(), &path, body).await;
                    cells += 1;
                    if !roles.iter().any(|it| it == role) {
                        answer.problem(403, "forbidden");
                        forbidden += 1;
                        continue;
                    }
                    let is_nonsense = path.contains("_1/") || path.ends_with("_1");
                    let expected: &[u16] = match (is_nonsense, route.has_body) {
                        (true, _) => &[404],
                        (false, true) => &[400],
                        // An erasure is accepted of whoever is named.
                        (false, false) if name == "DELETE /customers/{customer_id}" => &[202],
                        (false, false) => &[200, 404],
                    };
                    assert!(expected.contains(&answer.status), "{name} as {role}: {} for {body}", answer.status);
                }
            }
        }
    }
    println!("{cells} requests of three roles, {forbidden} of them forbidden");
    assert!(forbidden >= 50 && cells > 2 * forbidden, "the document names no roles");
}
