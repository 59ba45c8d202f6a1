//! The route of a request's path.

use std::collections::HashMap;

use axum::http::Method;
use percent_encoding::percent_decode_str;

use crate::template::Route;

/// The path of the laptop's WebSocket API.
pub(crate) const SOCKET_PATH: &str = "/ws";

/// The routes of the template, by path.
pub(super) struct Routes(Vec<Path>);

/// A path of the template with all its methods.
struct Path {
    template: String,
    segments: Vec<Segment>,
    methods: HashMap<Method, Route>,
}

enum Segment {
    Fixed(String),
    Named(String),
}

/// A path of the template that matches a request's path.
pub(super) struct Match<'a> {
    path: &'a Path,
    /// The path parameters, percent-decoded as by API Gateway.
    pub(super) parameters: HashMap<String, String>,
}

impl<'a> Match<'a> {
    pub(super) fn template(&self) -> &'a str {
        &self.path.template
    }

    pub(super) fn route(&self, method: &Method) -> Option<&'a Route> {
        self.path.methods.get(method)
    }
}

impl Routes {
    pub(super) fn new(routes: &[Route]) -> Self {
        let mut paths: Vec<Path> = Vec::new();
        for route in routes {
            if let Some(path) = paths.iter_mut().find(|path| path.template == route.path) {
                path.methods.insert(route.method.clone(), route.clone());
            } else {
                paths.push(Path {
                    template: route.path.clone(),
                    segments: route.path.split('/').skip(1).map(segment).collect(),
                    methods: HashMap::from([(route.method.clone(), route.clone())]),
                });
            }
        }
        // A fixed segment wins over a parameter: `/threads/search` before `/threads/{thread_id}`.
        paths.sort_by_key(|path| path.segments.iter().filter(|segment| matches!(segment, Segment::Named(_))).count());
        Self(paths)
    }

    pub(super) fn find(&self, path: &str) -> Option<Match<'_>> {
        self.0.iter().find_map(|candidate| {
            let parameters = candidate.fits(path)?;
            Some(Match { path: candidate, parameters })
        })
    }
}

impl Path {
    fn fits(&self, path: &str) -> Option<HashMap<String, String>> {
        let mut given = path.split('/').skip(1);
        let mut parameters = HashMap::new();
        for segment in &self.segments {
            match (segment, given.next()?) {
                (Segment::Fixed(word), part) if word == part => {}
                (Segment::Named(name), part) if !part.is_empty() => {
                    parameters.insert(name.clone(), percent_decode_str(part).decode_utf8_lossy().into_owned());
                }
                _ => return None,
            }
        }
        given.next().is_none().then_some(parameters)
    }
}

fn segment(text: &str) -> Segment {
    match text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(name) => Segment::Named(name.to_owned()),
        None => Segment::Fixed(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::Template;

    fn found(path: &str) -> Option<(String, Vec<(String, String)>)> {
        let routes = Routes::new(&Template::built_in().unwrap().rest.routes);
        let found = routes.find(path)?;
        Some((found.template().to_owned(), found.parameters.clone().into_iter().collect()))
    }

    #[test]
    fn a_name_takes_one_segment_and_is_decoded() {
        let (template, parameters) = found("/threads/thr%5F1/messages").unwrap();
        assert_eq!(template, "/threads/{thread_id}/messages");
        assert_eq!(parameters, [("thread_id".to_owned(), "thr_1".to_owned())]);
    }

    #[test]
    fn an_empty_segment_names_nothing() {
        assert!(found("/threads/").is_none());
        assert!(found("/threads//messages").is_none());
        assert!(found("/threads/one/two/three").is_none());
    }
}
