//! Budgets: uses are counted at the table before they happen, so that no race overspends one.
//!
//! A turn makes these calls beside those that it makes anyway. Of large limits a process counts ahead, in small blocks,
//! so that most turns need no call for them. A process that dies leaves what it holds of each account (a block, and a
//! 256th of a day's tokens), and the reservation of each turn under way, counted as used until the window ends.

mod account;
mod reservation;

use crate::{
    App, Error,
    domain::{
        Chatbot, ChatbotId, Identity, Usage,
        budget::{Budget, BudgetAccount, ChatbotLimits, Exceeded, Limits, Side},
    },
    metrics::Metric,
    store::Use,
};
use reservation::{AccountId, Part};

pub use reservation::{Budgets, Reservation, TurnBudget};

/// The tokens of a reply that are reserved where nothing limits it.
const UNLIMITED_OUTPUT_TOKENS: u64 = 8_192;

impl App {
    /// Counts a customer's message, and a turn that may answer it. [`Error::OverBudget`] where the customer posts too
    /// many messages; a turn that has no room is the inner error, for the message is posted all the same. `None` for
    /// agents and admins, who have no budgets.
    pub async fn admit_message(&self, identity: &Identity) -> Result<Option<TurnBudget>, Error> {
        if identity.is_staff() {
            return Ok(None);
        }
        let (tenant, customer) = (&identity.tenant, &identity.subject);
        let turn = self.reserve_for_customer(tenant, customer, true).await?;
        let Err(exceeded) = turn else { return Ok(Some(turn)) };
        if exceeded.budget == Budget::MessagesPerMinute {
            self.record(Metric::OverBudget);
            return Err(exceeded.error());
        }
        // Nothing was counted yet. The message alone:
        self.admit_as_customer(identity, Budget::MessagesPerMinute).await?;
        Ok(Some(Err(exceeded)))
    }

    /// Reserves a turn for a customer.
    pub async fn reserve_turn(&self, tenant: &str, customer: &str) -> Result<TurnBudget, Error> {
        self.reserve_for_customer(tenant, customer, false).await
    }

    /// Adds the tenant's share to the reservation of a turn, and the chatbot's by the limits that were last read of it.
    /// The chatbot is left out where this process has not read it yet.
    pub async fn reserve_ahead(
        &self,
        tenant: &str,
        chatbot: &ChatbotId,
        turn: TurnBudget,
    ) -> Result<TurnBudget, Error> {
        let known = self.chatbot_cache.get(tenant, chatbot).map(|known| known.limits);
        let of_chatbot = async {
            match known {
                Some(limits) => self.reserve_of_chatbot(tenant, chatbot, limits).await,
                None => Ok(Ok(Reservation::default())),
            }
        };
        let of_tenant = self.reserve(tenant, BudgetAccount::Tenant, Side::Tenant, self.budgets.settings.tenant, false);
        // Both to their end: what is taken from this process' own counts is put back, or kept.
        let (chatbot, tenant) = tokio::join!(of_chatbot, of_tenant);
        let (chatbot, tenant) = (chatbot?, tenant?);
        Ok(turn.and_then(|turn| Ok(turn.and(chatbot?).and(tenant?))))
    }

    /// Adds the chatbot's share, unless the reservation has it.
    pub async fn reserve_with_chatbot(&self, turn: TurnBudget, chatbot: &Chatbot) -> Result<TurnBudget, Error> {
        let Ok(turn) = turn else { return Ok(turn) };
        let account = BudgetAccount::Chatbot(chatbot.id.clone());
        if turn.parts.iter().any(|part| part.id.account == account) {
            return Ok(Ok(turn));
        }
        let reserved = self.reserve_of_chatbot(&chatbot.tenant, &chatbot.id, chatbot.config.limits).await?;
        Ok(reserved.map(|reserved| turn.and(reserved)))
    }

    async fn reserve_of_chatbot(
        &self,
        tenant: &str,
        chatbot: &ChatbotId,
        limits: ChatbotLimits,
    ) -> Result<TurnBudget, Error> {
        let limits = limits.over(self.budgets.settings.chatbot);
        self.reserve(tenant, BudgetAccount::Chatbot(chatbot.clone()), Side::Chatbot, limits, false).await
    }

    /// Counts the creation of a thread. [`Error::OverBudget`] where it is too much for the customer, the chatbot or the
    /// tenant.
    pub async fn admit_thread(&self, identity: &Identity, chatbot: &Chatbot) -> Result<(), Error> {
        let limits = chatbot.config.limits.over(self.budgets.settings.chatbot);
        self.admit_as_customer(identity, Budget::ThreadsPerHour).await?;
        self.admit_to(identity, &chatbot.id, limits, Budget::ThreadsPerHour).await
    }

    /// The same of a request for a person.
    pub async fn admit_escalation(&self, identity: &Identity, chatbot: &ChatbotId) -> Result<(), Error> {
        self.admit_as_customer(identity, Budget::EscalationsPerHour).await?;
        self.admit_to(identity, chatbot, self.budgets.settings.chatbot, Budget::EscalationsPerHour).await
    }

    /// The same of a message to a chatbot, which [`App::admit_message`] has counted for the customer.
    pub async fn admit_message_to(&self, identity: &Identity, chatbot: &ChatbotId) -> Result<(), Error> {
        self.admit_to(identity, chatbot, self.budgets.settings.chatbot, Budget::MessagesPerMinute).await
    }

    async fn admit_as_customer(&self, identity: &Identity, budget: Budget) -> Result<(), Error> {
        let side = Side::of_customer(&identity.subject);
        let account = BudgetAccount::Customer(identity.subject.clone());
        self.admit(identity, account, side, self.budgets.settings.of(side), budget).await
    }

    async fn admit_to(
        &self,
        identity: &Identity,
        chatbot: &ChatbotId,
        limits: Limits,
        budget: Budget,
    ) -> Result<(), Error> {
        self.admit(identity, BudgetAccount::Chatbot(chatbot.clone()), Side::Chatbot, limits, budget).await?;
        self.admit(identity, BudgetAccount::Tenant, Side::Tenant, self.budgets.settings.tenant, budget).await
    }

    /// Counts a use by a customer; agents and admins have no budgets.
    async fn admit(
        &self,
        identity: &Identity,
        account: BudgetAccount,
        side: Side,
        limits: Limits,
        budget: Budget,
    ) -> Result<(), Error> {
        if identity.is_staff() {
            return Ok(());
        }
        let used = self.use_budget(&identity.tenant, account, side, limits, &[(budget, 1)]).await?;
        used.map_err(|exceeded| {
            self.record(Metric::OverBudget);
            exceeded.error()
        })
    }

    /// Corrects the tokens that a turn had reserved, to those that it took. Without a count of them the reservation
    /// stays. A failure is logged only: the reply is saved.
    pub async fn settle(&self, mut turn: Reservation, usage: Option<Usage>) {
        let (Some(usage), parts) = (usage, std::mem::take(&mut turn.parts)) else { return };
        let (now, taken) = (self.now(), usage.input.saturating_add(usage.output));
        for part in parts {
            if part.limits.of(Budget::TokensPerDay) == 0 {
                continue;
            }
            let owed =
                self.budgets.with(&part.id, now, |account| account.settle(part.tokens, taken, part.at, part.limits));
            let Some(tokens) = owed else { continue };
            let settled = self.store.budget_settle(&part.id.tenant, &part.id.account, tokens, now).await;
            if let Err(error) = settled {
                tracing::warn!(%error, "the tokens of a turn could not be settled; the next turn here tries again");
                self.budgets.with(&part.id, now, |account| account.add(Budget::TokensPerDay, -tokens, part.at));
            }
        }
    }

    /// Gives a turn back that no model was asked for. This process holds what it may hold; the table is told of the
    /// rest, so that it is there for other processes. A failure is logged only: the turn stays counted.
    pub async fn release(&self, mut turn: Reservation) {
        turn.begin();
        for part in std::mem::take(&mut turn.parts) {
            let Part { id, limits, tokens, at } = part;
            let counted = [(Budget::TurnsPerMinute, 1), (Budget::TurnsPerDay, 1), (Budget::TokensPerDay, tokens)];
            let uses = limited(limits, &counted);
            let is_held = self.budgets.with(&id, at, |account| account.hold(&uses, at));
            if is_held {
                continue;
            }
            if let Err(error) = self.store.budget_return(&id.tenant, &id.account, &uses, at).await {
                tracing::warn!(%error, "a turn that was not used could not be given back; it stays counted");
            }
        }
    }

    /// The tokens that a turn may take: of the log, and of the reply.
    fn max_turn_tokens(&self) -> u64 {
        let output = match self.budgets.settings.max_output_tokens {
            0 => UNLIMITED_OUTPUT_TOKENS,
            limit => limit.into(),
        };
        output + self.history_tokens as u64
    }

    async fn reserve_for_customer(&self, tenant: &str, customer: &str, message: bool) -> Result<TurnBudget, Error> {
        let side = Side::of_customer(customer);
        let account = BudgetAccount::Customer(customer.to_owned());
        self.reserve(tenant, account, side, self.budgets.settings.of(side), message).await
    }

    async fn reserve(
        &self,
        tenant: &str,
        account: BudgetAccount,
        side: Side,
        limits: Limits,
        message: bool,
    ) -> Result<TurnBudget, Error> {
        let id = AccountId { tenant: tenant.to_owned(), account };
        let at = self.now();
        let tokens = account::turn_tokens(self.max_turn_tokens(), limits);
        let wanted = [
            (Budget::MessagesPerMinute, u64::from(message)),
            (Budget::TurnsPerMinute, 1),
            (Budget::TurnsPerDay, 1),
            (Budget::TokensPerDay, tokens),
        ];
        let used = self.use_budget(tenant, id.account.clone(), side, limits, &wanted).await?;
        Ok(used.map(|()| Reservation {
            parts: vec![Part { id, limits, tokens, at }],
            budgets: Some(self.budgets.clone()),
        }))
    }

    /// Counts uses of one account, all or none: from what this process has counted ahead, and else at the table.
    async fn use_budget(
        &self,
        tenant: &str,
        account: BudgetAccount,
        side: Side,
        limits: Limits,
        wanted: &[(Budget, u64)],
    ) -> Result<Result<(), Exceeded>, Error> {
        let uses = limited(limits, wanted);
        if uses.is_empty() {
            return Ok(Ok(()));
        }
        let (id, now) = (AccountId { tenant: tenant.to_owned(), account }, self.now());
        let (short, ahead, is_begun) = self.budgets.with(&id, now, |account| {
            let short = account.take(&uses);
            let ahead = if short.is_empty() { Vec::new() } else { account.ahead(&uses, &short) };
            (short, ahead, account.is_begun())
        });
        if short.is_empty() {
            return Ok(Ok(()));
        }
        let mut counted = self.store.budget_use(tenant, &id.account, &ahead, now, is_begun).await;
        let mut is_ahead = true;
        if matches!(counted, Ok(Err(_))) && ahead != short {
            (counted, is_ahead) = (self.store.budget_use(tenant, &id.account, &short, now, true).await, false);
        }
        let over = match counted {
            Ok(Ok(())) => {
                let spare = if is_ahead { account::difference(&ahead, &short) } else { Vec::new() };
                self.budgets.with(&id, now, |account| account.keep(&spare, now));
                return Ok(Ok(()));
            }
            Ok(Err(over)) => Ok(over),
            Err(error) => Err(error),
        };
        // What was taken from this process' own counts is there for others.
        self.budgets.with(&id, now, |account| account.put_back(&uses, &short, now));
        let (budget, window) = over.map(|budget| (budget, budget.window().seconds()))?;
        let retry_after = u64::try_from(window - now.seconds().rem_euclid(window)).unwrap_or(1);
        Ok(Err(Exceeded { side, budget, limit: limits.of(budget), retry_after }))
    }
}

/// The uses that have a limit.
fn limited(limits: Limits, uses: &[(Budget, u64)]) -> Vec<Use> {
    let uses = uses.iter().map(|(budget, amount)| Use { budget: *budget, amount: *amount, limit: limits.of(*budget) });
    uses.filter(|it| it.limit > 0 && it.amount > 0).collect()
}
