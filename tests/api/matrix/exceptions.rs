//! The cells in which an operation has a rule of its own.

use super::{
    Caller::{self, Admin, Agent, Customer, Visitor},
    Cell, Expected, Owner,
};

/// The cells of an operation that have another outcome than the rules say.
#[derive(Debug)]
pub(super) struct Exception {
    operation: &'static str,
    callers: &'static [Caller],
    owners: &'static [Owner],
    expected: Expected,
    /// Shown where no cell needs the exception.
    #[expect(dead_code, reason = "read by `Debug` alone")]
    because: &'static str,
}

pub(super) const EXCEPTIONS: [Exception; 7] = [
    Exception {
        operation: "createThread",
        callers: &[Customer, Agent, Admin],
        owners: &[Owner::OtherTenant],
        expected: Expected::Refused(400),
        because: "the chatbot that is not there is a field of the body",
    },
    Exception {
        operation: "createThread",
        callers: &[Visitor],
        owners: &[Owner::OtherCustomer, Owner::OtherTenant],
        expected: Expected::Refused(403),
        because: "the token of a visitor is limited to one chatbot",
    },
    Exception {
        operation: "mergeVisitor",
        callers: &[Visitor],
        owners: &[Owner::Caller, Owner::OtherCustomer, Owner::OtherTenant],
        expected: Expected::Refused(403),
        because: "a visitor has not signed in",
    },
    Exception {
        operation: "mergeVisitor",
        callers: &[Customer],
        owners: &[Owner::Caller, Owner::OtherCustomer, Owner::OtherTenant],
        expected: Expected::Refused(400),
        because: "the token of the example is nobody's",
    },
    Exception {
        operation: "getChatbotProfile",
        callers: &[Visitor],
        owners: &[Owner::OtherCustomer, Owner::OtherTenant],
        expected: Expected::Refused(403),
        because: "the token of a visitor is limited to one chatbot",
    },
    Exception {
        operation: "exportCustomer",
        callers: &[Admin],
        owners: &[Owner::OtherTenant],
        expected: Expected::Success,
        because: "the same id in the admin's own tenant, where nothing is known of it",
    },
    Exception {
        operation: "eraseCustomer",
        callers: &[Admin],
        owners: &[Owner::OtherTenant],
        expected: Expected::Success,
        because: "the same id in the admin's own tenant, where nothing is known of it",
    },
];

/// The exception for a cell, if it needs one, with its place in the list.
pub(super) fn of(cell: Cell) -> Option<(usize, Expected)> {
    let (operation, caller, owner) = cell;
    let fits = |row: &&Exception| {
        row.operation == operation.id && row.callers.contains(&caller) && row.owners.contains(&owner)
    };
    let at = EXCEPTIONS.iter().position(|row| fits(&row))?;
    let expected = EXCEPTIONS[at].expected;
    (expected != Expected::by_rule(cell)).then_some((at, expected))
}
