//! Requests that are refused with 429, and the counters in the table.

use std::time::Duration;

use futures::future::join_all;
use serde_json::json;
use shared::domain::budget::{Budget, BudgetAccount, BudgetSettings, Use};

use super::{exceeded, for_customers, limits_of, stage_with};

use tests::counters::counters;

#[tokio::test]
async fn a_message_too_many_is_refused_unwritten_and_the_next_minute_takes_it() {
    let (stage, stopped) = stage_with(for_customers(&[(Budget::MessagesPerMinute, 2)])).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    stage.agent().claims(&thread).await.expect(200);
    // A repeat is not counted.
    for client_id in ["m1", "m1", "m2"] {
        customer.says_as(&thread, client_id, "Hello").await.expect(202);
    }
    let refused = customer.says(&thread, "One more").await;
    assert_eq!(refused.headers["retry-after"], "60");
    assert_eq!(refused.body["limit"], 2);
    assert_eq!(exceeded(refused), "customer.messages_per_minute");
    assert_eq!(customer.transcript(&thread).await, ["[claimed]", "customer: Hello", "customer: Hello"]);
    // Agents have no budget.
    for _ in 0..3 {
        stage.agent().says(&thread, "Yes?").await.expect(202);
    }
    stopped.advance(Duration::from_mins(1));
    customer.says(&thread, "One more").await.expect(202);
}

/// Messages that were counted ahead while the bot had the line are still the customer's.
#[tokio::test]
async fn a_claim_costs_the_customer_no_message() {
    let (stage, _) = stage_with(for_customers(&[(Budget::MessagesPerMinute, 20)])).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    for _ in 0..3 {
        customer.says(&thread, "Hello").await.expect(200);
    }
    stage.agent().claims(&thread).await.expect(200);
    for _ in 0..17 {
        customer.says(&thread, "Hello").await.expect(202);
    }
    assert_eq!(exceeded(customer.says(&thread, "One more").await), "customer.messages_per_minute");
}

/// A turn that is refused takes nothing from the chatbot and the tenant.
#[tokio::test]
async fn refused_messages_take_nothing_from_the_tenant() {
    let customer = limits_of(&[(Budget::MessagesPerMinute, 2)]);
    let tenant = limits_of(&[(Budget::TokensPerDay, 100_000_000)]);
    let (stage, stopped) = stage_with(BudgetSettings { customer, tenant, ..BudgetSettings::OFF }).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let mut counted = Vec::new();
    for _ in 0..5 {
        for _ in 0..2 {
            customer.says(&thread, "Hello").await.expect(200);
        }
        assert_eq!(exceeded(customer.says(&thread, "One more").await), "customer.messages_per_minute");
        counted.push(counters(&stage.board.table(), "acme#TENANT").await.1);
        stopped.advance(Duration::from_mins(1));
    }
    // A turn and a block; of these the turns have taken little.
    assert_eq!(counted, [counted[0]; 5]);
    assert!(counted[0] > 0);
}

#[tokio::test]
async fn threads_and_escalations_are_counted_by_the_hour_and_a_repeat_counts_for_nothing() {
    let limits = for_customers(&[(Budget::ThreadsPerHour, 2), (Budget::EscalationsPerHour, 1)]);
    let (stage, stopped) = stage_with(limits).await;
    let (customer, chatbot) = (stage.customer(), stage.chatbot().await);
    let body = json!({ "chatbot_id": chatbot });
    let first = customer.posts_under("k", "/threads", body.clone()).await.expect(201).id();
    assert_eq!(customer.posts_under("k", "/threads", body.clone()).await.expect(201).id(), first);
    let second = stage.thread_of(&customer, &chatbot).await;
    assert_eq!(exceeded(customer.post("/threads", body.clone()).await), "customer.threads_per_hour");
    // An agent's are theirs.
    let for_them = json!({ "chatbot_id": chatbot, "customer_id": "cus" });
    stage.agent().post("/threads", for_them).await.expect(201);

    customer.escalates(&first).await.expect(200);
    customer.escalates(&first).await.expect(200);
    assert_eq!(exceeded(customer.escalates(&second).await), "customer.escalations_per_hour");
    assert_eq!(customer.reads(&second).await["status"], "bot");
    stopped.advance(Duration::from_hours(1));
    customer.escalates(&second).await.expect(200);
    customer.post("/threads", body).await.expect(201);
}

#[tokio::test]
async fn a_chatbot_has_limits_of_its_own_for_messages_and_escalations() {
    let (stage, stopped) = stage_with(BudgetSettings::OFF).await;
    let customer = stage.customer();
    let limits = json!({ "messages_per_minute": 2, "escalations_per_hour": 1 });
    let chatbot = stage.chatbot_with(json!({ "limits": limits })).await;
    let (first, second) = (stage.thread_of(&customer, &chatbot).await, stage.thread_of(&customer, &chatbot).await);
    customer.escalates(&first).await.expect(200);
    assert_eq!(exceeded(customer.escalates(&second).await), "chatbot.escalations_per_hour");
    customer.says(&first, "Hello").await.expect(202);
    customer.says(&second, "Hello").await.expect(200);
    assert_eq!(exceeded(customer.says(&first, "Hello?").await), "chatbot.messages_per_minute");
    let other = stage.thread_of(&customer, &stage.chatbot().await).await;
    customer.says(&other, "Hello").await.expect(200);
    // Other functions know of a change five minutes later.
    let lifted = json!({ "limits": { "escalations_per_hour": 0 } });
    stage.admin().patch(&format!("/chatbots/{chatbot}"), lifted).await.expect(200);
    stopped.advance(Duration::from_mins(5));
    customer.escalates(&second).await.expect(200);
    customer.says(&first, "Hello?").await.expect(202);
}

#[tokio::test]
async fn of_64_processes_at_once_as_many_are_counted_as_there_is_room() {
    let (stage, stopped) = stage_with(for_customers(&[])).await;
    let account = BudgetAccount::Customer("cus".into());
    let uses = [(Budget::TurnsPerMinute, 1), (Budget::TurnsPerDay, 1), (Budget::TokensPerDay, 700)]
        .map(|(budget, amount)| Use { budget, amount, limit: if amount == 1 { 50 } else { 7_000 } });
    let store = stage.store();
    let count = || store.budget_use("acme", &account, &uses, stopped.now(), false);
    let counted = join_all((0..64).map(|_| count())).await;
    let over: Vec<Budget> = counted.into_iter().filter_map(|counted| counted.unwrap().err()).collect();
    assert_eq!(over, [Budget::TokensPerDay; 54]);

    // What a turn did not take makes room again, in the next minute too.
    store.budget_settle("acme", &account, -1_400, stopped.now()).await.unwrap();
    count().await.unwrap().unwrap();
    stopped.advance(Duration::from_mins(1));
    count().await.unwrap().unwrap();
    assert_eq!(count().await.unwrap(), Err(Budget::TokensPerDay));
    stopped.advance(Duration::from_hours(24));
    count().await.unwrap().unwrap();
}

#[tokio::test]
async fn a_new_minute_starts_all_its_counts_anew_whoever_begins_it() {
    let (stage, stopped) = stage_with(for_customers(&[])).await;
    let (store, account) = (stage.store(), BudgetAccount::Tenant);
    let use_of = |budget| Use { budget, amount: 1, limit: 1 };
    let (turn, message) = ([use_of(Budget::TurnsPerMinute)], [use_of(Budget::MessagesPerMinute)]);
    for _ in 0..2 {
        // Each believes at first what is wrong by now.
        store.budget_use("acme", &account, &turn, stopped.now(), true).await.unwrap().unwrap();
        store.budget_use("acme", &account, &message, stopped.now(), false).await.unwrap().unwrap();
        for uses in [&turn, &message] {
            let again = store.budget_use("acme", &account, uses, stopped.now(), true).await.unwrap();
            assert_eq!(again, Err(uses[0].budget));
        }
        stopped.advance(Duration::from_mins(1));
    }
    // A process whose clock is behind counts in the minute that others have begun.
    store.budget_use("acme", &account, &turn, stopped.now(), false).await.unwrap().unwrap();
    let behind = shared::domain::At::from_seconds(stopped.now().seconds() - 60);
    assert_eq!(store.budget_use("acme", &account, &turn, behind, false).await.unwrap(), Err(Budget::TurnsPerMinute));
}
