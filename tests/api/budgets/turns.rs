//! Turns and tokens: a person takes over where the bot may not go on.

use std::time::Duration;

use futures::{StreamExt, future::join_all, stream};
use local::{Options, standin::Failure};
use serde_json::{Value, json};
use shared::{
    domain::budget::{Budget, BudgetAccount, BudgetSettings},
    store::Use,
};

use super::{exceeded, for_customers, limits_of, reason, stage_with};
use tests::{openai::brisk, stage::Stage, visitors::SHOP};

/// Asks in this many new threads at once; returns the answers.
async fn asks_in_threads(stage: &Stage, chatbot: &str, count: usize) -> Vec<Value> {
    let customer = stage.customer();
    let threads = join_all((0..count).map(|_| stage.thread_of(&customer, chatbot))).await;
    join_all(threads.iter().map(async |thread| customer.says(thread, "What is new?").await.body)).await
}

#[tokio::test]
async fn of_64_turns_at_once_exactly_those_that_have_room_are_answered_and_all_others_go_to_a_person() {
    let (stage, _) = stage_with(for_customers(&[(Budget::TurnsPerDay, 10)])).await;
    let chatbot = stage.chatbot().await;
    let answers = asks_in_threads(&stage, &chatbot, 64).await;
    let answered = answers.iter().filter(|answer| answer["reply"].is_object()).count();
    let handed_over = answers.iter().filter(|answer| reason(&answer["thread"]) == "budget").count();
    assert_eq!((answered, handed_over, stage.asked().len()), (10, 54, 10));
}

#[tokio::test]
async fn a_turn_without_room_is_handed_over_with_words_for_the_customer_and_a_note_for_the_agent() {
    let (stage, stopped) = stage_with(for_customers(&[(Budget::TurnsPerMinute, 2)])).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    for _ in 0..2 {
        customer.says(&thread, "Hello").await.expect(200);
    }
    let answer = customer.says(&thread, "And?").await.expect(202);
    assert_eq!(reason(&answer.body["thread"]), "budget");
    let last = customer.log(&thread).await.pop().unwrap();
    assert_eq!(last["event"], json!({ "type": "escalated", "reason": "budget" }));
    assert_eq!(last["text"], "I have answered as much as I may for now. A person will take over.");
    let page = stage.agent().get(&format!("/threads/{thread}/messages")).await.expect(200).body;
    let note = "The bot did not answer: the limit customer.turns_per_minute (2) is used up.";
    assert_eq!(page["notes"][0]["text"], note);

    // The next minute has room again, for a thread that the bot holds.
    stopped.advance(Duration::from_mins(1));
    stage.admin().releases(&thread, "bot").await.expect(200);
    stage.board.invocations().finished().await;
    assert_eq!(customer.log(&thread).await.pop().unwrap()["role"], "bot");
}

#[tokio::test]
async fn a_message_that_waits_for_the_bot_is_counted_when_it_is_answered() {
    let (stage, _) = stage_with(for_customers(&[(Budget::TurnsPerDay, 1)])).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    customer.says(&thread, "Hello").await.expect(200);
    customer.escalates(&thread).await.expect(200);
    customer.says(&thread, "Anybody?").await.expect(202);
    stage.admin().releases(&thread, "bot").await.expect(200);
    stage.board.invocations().finished().await;
    assert_eq!(reason(&customer.reads(&thread).await), "budget");
    assert_eq!(stage.asked().len(), 1);
}

#[tokio::test]
async fn the_second_turn_of_a_run_is_counted_too() {
    let (stage, _) = stage_with(for_customers(&[(Budget::TurnsPerDay, 1)])).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let hold = stage.hold();
    let (first, ()) = tokio::join!(customer.says(&thread, "Hello"), async {
        hold.begun().await;
        customer.says(&thread, "One more thing").await.expect(202);
        hold.release();
    });
    assert!(first.expect(200).body["reply"].is_object());
    assert_eq!(customer.transcript(&thread).await.last().unwrap(), "[escalated]");
    assert_eq!((reason(&customer.reads(&thread).await), stage.asked().len()), ("budget", 1));
}

#[tokio::test]
async fn tokens_are_reserved_before_the_model_is_asked_and_settled_to_those_that_it_took() {
    // A turn reserves a quarter of so small a limit; one of the stand-in's takes far less.
    let (stage, stopped) = stage_with(for_customers(&[(Budget::TokensPerDay, 8_000)])).await;
    let (customer, chatbot) = (stage.customer(), stage.chatbot().await);
    let threads = join_all((0..5).map(|_| stage.thread_of(&customer, &chatbot))).await;
    let says = async |thread: &String| customer.says(thread, "What is new?").await.body;
    let (store, account) = (stage.store(), BudgetAccount::Customer("cus".into()));
    let others = [Use { budget: Budget::TokensPerDay, amount: 5_000, limit: 8_000 }];
    let hold = stage.hold();
    let (first, late) = tokio::join!(says(&threads[0]), async {
        hold.begun().await;
        store.budget_use("acme", &account, &others, stopped.now(), false).await.unwrap().unwrap();
        let late = says(&threads[1]).await;
        store.budget_settle("acme", &account, -5_000, stopped.now()).await.unwrap();
        hold.release();
        late
    });
    assert!(first["reply"].is_object(), "{first}");
    assert_eq!(reason(&late["thread"]), "budget");
    // Once it is settled there is room for others.
    let answers = join_all(threads[2..].iter().map(says)).await;
    assert!(answers.iter().all(|answer| answer["reply"].is_object()), "{answers:?}");
}

#[tokio::test]
async fn a_turn_whose_process_ends_leaves_one_reservation_counted() {
    let (stage, stopped) = stage_with(for_customers(&[(Budget::TokensPerDay, 50_000)])).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let (store, account) = (stage.store(), BudgetAccount::Customer("cus".into()));
    let hold = stage.hold();
    let (_, counted) = tokio::join!(customer.says(&thread, "Hello"), async {
        hold.begun().await;
        // Another process sees in the table what this one would leave there: a reservation, and a block of 1/4096.
        let left = 50_000 - 50_000 / 4 - 50_000 / 4_096;
        let tokens = |amount| [Use { budget: Budget::TokensPerDay, amount, limit: 50_000 }];
        let over = store.budget_use("acme", &account, &tokens(left + 1), stopped.now(), false).await.unwrap();
        let rest = store.budget_use("acme", &account, &tokens(left), stopped.now(), false).await.unwrap();
        hold.release();
        (over, rest)
    });
    assert_eq!(counted, (Err(Budget::TokensPerDay), Ok(())));
}

/// Of small limits a process holds nothing, so that the turns are there for other processes.
#[tokio::test]
async fn messages_that_no_model_is_asked_for_leave_no_turn_counted() {
    let limits = [(Budget::TurnsPerMinute, 2), (Budget::TurnsPerDay, 2), (Budget::TokensPerDay, 8_000)];
    let (stage, stopped) = stage_with(for_customers(&limits)).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let (store, account) = (stage.store(), BudgetAccount::Customer("cus".into()));
    let hold = stage.hold();
    // The rest beside the turn under way, which the second message joins: a quarter of the tokens is counted, and one
    // ahead.
    let rest = [(Budget::TurnsPerMinute, 1, 2), (Budget::TurnsPerDay, 1, 2), (Budget::TokensPerDay, 5_999, 8_000)]
        .map(|(budget, amount, limit)| Use { budget, amount, limit });
    tokio::join!(customer.says(&thread, "Hello"), async {
        hold.begun().await;
        customer.says(&thread, "Are you there?").await.expect(202);
        store.budget_use("acme", &account, &rest, stopped.now(), true).await.unwrap().unwrap();
        store.budget_return("acme", &account, &rest, stopped.now()).await.unwrap();
        stage.agent().claims(&thread).await.expect(200);
        hold.release();
    });
    for said in ["One", "Two", "Three"] {
        customer.says_as(&thread, said, said).await.expect(202);
        customer.says_as(&thread, said, said).await.expect(202);
    }
    let turns = [Use { budget: Budget::TurnsPerDay, amount: 1, limit: 2 }];
    store.budget_use("acme", &account, &turns, stopped.now(), true).await.unwrap().unwrap();
    let over = store.budget_use("acme", &account, &turns, stopped.now(), true).await.unwrap();
    assert_eq!(over, Err(Budget::TurnsPerDay), "the first message's turn stays counted");
}

/// An answer that a person's claim takes the line from is paid for all the same.
#[tokio::test]
async fn the_tokens_of_a_discarded_answer_are_settled() {
    let (stage, stopped) = stage_with(for_customers(&[(Budget::TokensPerDay, 8_000)])).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let hold = stage.hold();
    tokio::join!(customer.says(&thread, "Hello"), async {
        hold.begun().await;
        stage.agent().claims(&thread).await.expect(200);
        hold.release();
    });
    // The reservation of 2,000 is gone but for what the stand-in counts, and what is kept for the next turn.
    let rest = [Use { budget: Budget::TokensPerDay, amount: 7_500, limit: 8_000 }];
    let account = BudgetAccount::Customer("cus".into());
    stage.store().budget_use("acme", &account, &rest, stopped.now(), false).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_chatbots_own_limit_comes_before_the_deployments_and_a_tenants_counts_for_all_its_chatbots() {
    let limits = limits_of(&[(Budget::TurnsPerDay, 5)]);
    let budgets = BudgetSettings { chatbot: limits, tenant: limits, ..BudgetSettings::OFF };
    let (stage, _) = stage_with(budgets).await;
    let own = stage.chatbot_with(json!({ "limits": { "turns_per_day": 2 } })).await;
    let answered = |answers: &[Value]| answers.iter().filter(|answer| answer["reply"].is_object()).count();
    assert_eq!(answered(&asks_in_threads(&stage, &own, 8).await), 2);
    let other = stage.chatbot().await;
    let answers = asks_in_threads(&stage, &other, 8).await;
    assert_eq!((answered(&answers), stage.asked().len()), (3, 5), "{answers:?}");

    let read = stage.admin().get(&format!("/chatbots/{own}")).await.expect(200).body;
    assert_eq!(read["limits"], json!({ "turns_per_day": 2 }));
    let wrong = stage.admin().patch(&format!("/chatbots/{own}"), json!({ "limits": { "turns": 2 } })).await;
    assert!(wrong.invalid().starts_with("limits.turns"));
    stage.admin().patch(&format!("/chatbots/{own}"), json!({ "limits": {} })).await.expect(200);
    assert!(stage.admin().get(&format!("/chatbots/{own}")).await.expect(200).body.get("limits").is_none());
}

#[tokio::test]
async fn calls_beyond_the_limit_of_a_turn_are_told_so_and_not_executed() {
    let budgets = BudgetSettings { tool_calls_per_turn: 1, ..BudgetSettings::OFF };
    let (stage, _) = stage_with(budgets).await;
    let lookup = json!({ "name": "lookup", "parameters": { "type": "object", "properties": {} } });
    let chatbot = stage.chatbot_with(json!({ "tools": [lookup] })).await;
    let (customer, call) = (stage.customer(), Failure::Call { name: "lookup".into(), arguments: "{}".into() });
    let thread = stage.thread_of(&customer, &chatbot).await;
    stage.responses(call, 2);
    customer.says(&thread, "Look it up twice").await.expect(200);
    let outputs: Vec<Value> = stage.asked()[1..]
        .iter()
        .map(|asked| serde_json::from_str(asked["input"][0]["output"].as_str().unwrap()).unwrap())
        .collect();
    assert_eq!(outputs[0]["error"], "the function lookup cannot be called here");
    assert_eq!(outputs[1]["error"], "the function lookup was not called: a turn may make at most 1 calls");
}

#[tokio::test]
async fn a_reply_has_the_deployments_limit_of_tokens_unless_the_chatbot_has_its_own() {
    let budgets = BudgetSettings { max_output_tokens: 500, ..BudgetSettings::OFF };
    let (stage, _) = stage_with(budgets).await;
    let customer = stage.customer();
    for fields in [json!({}), json!({ "max_output_tokens": 900 })] {
        let chatbot = stage.chatbot_with(fields).await;
        let thread = stage.thread_of(&customer, &chatbot).await;
        customer.says(&thread, "Hello").await.expect(200);
    }
    let limits: Vec<Value> = stage.asked().iter().map(|asked| asked["max_output_tokens"].clone()).collect();
    assert_eq!(limits, [500, 900]);
}

/// One visitor as fast as the machine allows: the model is asked as often as the budget allows, everything else is a
/// person or a 429.
#[tokio::test]
async fn an_anonymous_flood_costs_no_more_than_a_visitors_budget() {
    let stage = Stage::with(Options { budgets: BudgetSettings::default(), ..brisk() }).await;
    let chatbot = stage.public_chatbot().await;
    let visitor = stage.visitor(&stage.anon().visits(&chatbot).await.expect(201));
    let threads: Vec<_> = stream::iter(0..40)
        .map(|_| visitor.posts_on(SHOP, "/threads", json!({ "chatbot_id": chatbot })))
        .buffer_unordered(8)
        .collect()
        .await;
    let (mut created, mut refused) = (Vec::new(), 0);
    for answer in threads {
        if answer.status == 201 {
            created.push(answer.id());
        } else {
            assert_eq!(exceeded(answer), "visitor.threads_per_hour");
            refused += 1;
        }
    }
    // A new hour may begin meanwhile.
    assert!((12..=24).contains(&created.len()), "{} threads", created.len());
    let answers: Vec<_> = stream::iter(0..600)
        .map(async |i: usize| {
            let path = format!("/threads/{}/chat", created[i % created.len()]);
            visitor.posts_on(SHOP, &path, json!({ "text": "Hi" })).await
        })
        .buffer_unordered(16)
        .collect()
        .await;
    let (mut people, mut busy) = (0, 0);
    for answer in answers {
        match answer.status {
            200 | 202 => people += usize::from(answer.body["thread"]["status"] == "queued"),
            _ => {
                assert_eq!(exceeded(answer), "visitor.messages_per_minute");
                busy += 1;
            }
        }
    }
    let asked = stage.asked().len();
    println!(
        "600 messages of one visitor: {asked} model calls, {people} to a person, {busy} refused; {refused} threads"
    );
    assert!((1..=30).contains(&asked), "{asked} model calls");
    assert!(busy > 500, "{busy} refused");
}
