//! The matrix: each operation of `web/openapi.json`, by each kind of caller, on their own objects, on another
//! customer's, and on another tenant's. A new operation is in it by being in the document.

mod cast;
mod exceptions;
mod operation;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use local::{Options, TABLE};
use tests::stage::Stage;

use cast::Cast;
use exceptions::EXCEPTIONS;
use operation::{Kind, Operation};

/// A caller, by their token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    /// Sends no token.
    Nobody,
    Visitor,
    Customer,
    Agent,
    Admin,
}

/// The side that the objects of a request belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    /// The caller; of staff, who own no threads, a customer of their tenant.
    Caller,
    OtherCustomer,
    OtherTenant,
}

/// The outcome that a request must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// A status from 200 to 299.
    Success,
    Refused(u16),
}

const CALLERS: [Caller; 5] = [Caller::Nobody, Caller::Visitor, Caller::Customer, Caller::Agent, Caller::Admin];
const OWNERS: [Owner; 3] = [Owner::Caller, Owner::OtherCustomer, Owner::OtherTenant];

type Cell<'a> = (&'a Operation, Caller, Owner);

impl Caller {
    const fn is_staff(self) -> bool {
        matches!(self, Self::Agent | Self::Admin)
    }

    /// The role in the token, as `x-roles` has it.
    const fn role(self) -> &'static str {
        match self {
            Self::Nobody => "",
            Self::Visitor | Self::Customer => "customer",
            Self::Agent => "agent",
            Self::Admin => "admin",
        }
    }

    /// True if objects of this owner exist for the caller.
    fn sees(self, owner: Owner) -> bool {
        match owner {
            Owner::Caller => true,
            Owner::OtherCustomer => self.is_staff(),
            Owner::OtherTenant => false,
        }
    }
}

impl Expected {
    /// The rules of the whole API: no token is 401, a role that may not is 403, an object that is not the caller's is
    /// 404. Chatbots belong to the tenant.
    fn by_rule((operation, caller, owner): Cell) -> Self {
        let kinds = operation.kinds();
        let is_a_customers = kinds.contains(&Kind::Thread) || kinds.contains(&Kind::Customer);
        let is_hidden = match owner {
            Owner::OtherCustomer if !is_a_customers => false,
            _ => !kinds.is_empty() && !caller.sees(owner),
        };
        match &operation.roles {
            Some(_) if caller == Caller::Nobody => Self::Refused(401),
            Some(roles) if !roles.iter().any(|role| role == caller.role()) => Self::Refused(403),
            _ if is_hidden => Self::Refused(404),
            _ => Self::Success,
        }
    }

    fn is(self, status: u16) -> bool {
        match self {
            Self::Success => (200..300).contains(&status),
            Self::Refused(with) => status == with,
        }
    }
}

/// The items of the table by key.
type Items = BTreeMap<String, HashMap<String, AttributeValue>>;

/// Reads the table. Counts of visitors' tokens by address are left out: there a refused request counts too.
async fn items(stage: &Stage) -> Items {
    let mut pages = stage.board.table().scan().table_name(TABLE).into_paginator().items().send();
    let mut items = Items::new();
    while let Some(item) = pages.next().await {
        let item = item.unwrap();
        let key = ["pk", "sk"].map(|name| item[name].as_s().unwrap().clone()).join(" | ");
        if !key.contains("#VISITS#") {
            items.insert(key, item);
        }
    }
    items
}

#[tokio::test]
async fn each_operation_serves_whom_it_should_and_nobody_else() {
    // Customers may delete in some deployments only; the matrix is about objects.
    let stage = Stage::with(Options { customers_may_delete: true, ..Options::default() }).await;
    let (cast, operations) = (Cast::on(&stage).await, Operation::all());
    let (mut failures, mut used, mut count) = (Vec::new(), BTreeSet::new(), 0);

    for operation in &operations {
        let cells = CALLERS.into_iter().flat_map(|caller| OWNERS.map(|owner| (operation, caller, owner)));
        let expected = cells.map(|cell| match exceptions::of(cell) {
            Some((row, expected)) => (cell, expected, used.insert(row)),
            None => (cell, Expected::by_rule(cell), false),
        });
        let (allowed, refused): (Vec<_>, Vec<_>) =
            expected.partition(|(_, expected, _)| *expected == Expected::Success);
        count += allowed.len() + refused.len();

        // Refused requests are all about the same objects, which they must leave as they are.
        let before = items(&stage).await;
        for (cell, expected, _) in refused {
            failures.extend(cast.plays(cell, expected, cast.known(cell.1, cell.2)).await);
        }
        let after = items(&stage).await;
        failures.extend(changes(&before, &after).map(|key| format!("{operation}: a refused request changed {key}")));

        for (cell, expected, _) in allowed {
            let objects = cast.objects_for(&stage, cell).await;
            failures.extend(cast.plays(cell, expected, &objects).await);
        }
        let last = items(&stage).await;
        let rival = |key: &&String| key.starts_with(cast::OTHER_TENANT);
        let changed = changes(&after, &last).filter(rival);
        failures.extend(changed.map(|key| format!("{operation}: another tenant's request changed {key}")));
    }

    let unused = (0..EXCEPTIONS.len()).filter(|row| !used.contains(row));
    failures.extend(unused.map(|row| format!("no cell needs the exception: {:?}", EXCEPTIONS[row])));
    assert!(failures.is_empty(), "{} of {count} cells:\n{}", failures.len(), failures.join("\n"));
    println!("the matrix: {count} cells of {} operations", operations.len());
}

/// The keys of items that differ.
fn changes<'a>(before: &'a Items, after: &'a Items) -> impl Iterator<Item = &'a String> {
    let differs = |key: &&String| before.get(*key) != after.get(*key);
    before.keys().chain(after.keys()).collect::<BTreeSet<_>>().into_iter().filter(differs)
}
