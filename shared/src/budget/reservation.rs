//! The accounts of a process, and a turn's reservation of them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::account::Account;
use crate::domain::{
    At,
    budget::{BudgetAccount, BudgetSettings, Exceeded, Limits},
};

/// The number of accounts that a process keeps. Beyond it those of earlier days and minutes are dropped, and else all:
/// what they had counted ahead stays counted.
const MAX_ACCOUNTS: usize = 4_096;

/// The accounts of a process. Clones share them.
#[derive(Clone)]
pub struct Budgets {
    pub settings: BudgetSettings,
    accounts: Arc<Mutex<HashMap<AccountId, Account>>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct AccountId {
    pub(super) tenant: String,
    pub(super) account: BudgetAccount,
}

/// A turn that is counted, and tokens that are reserved for it. Dropped before the model is asked, it may be used by
/// the next turn; once the model is asked, its tokens stay counted unless [`App::settle`] says how many it took.
#[derive(Default)]
pub struct Reservation {
    pub(super) parts: Vec<Part>,
    pub(super) budgets: Option<Budgets>,
}

/// The share of one account in a reservation.
pub(super) struct Part {
    pub(super) id: AccountId,
    pub(super) limits: Limits,
    pub(super) tokens: u64,
    pub(super) at: At,
}

/// The reservation of a turn, or the budget that has no room for it.
pub type TurnBudget = Result<Reservation, Exceeded>;

impl Budgets {
    pub fn new(settings: BudgetSettings) -> Self {
        Self { settings, accounts: Arc::default() }
    }

    fn accounts(&self) -> MutexGuard<'_, HashMap<AccountId, Account>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes an account as of `now`.
    pub(super) fn with<T>(&self, id: &AccountId, now: At, change: impl FnOnce(&mut Account) -> T) -> T {
        let mut accounts = self.accounts();
        if accounts.len() >= MAX_ACCOUNTS && !accounts.contains_key(id) {
            accounts.retain(|_, account| account.is_current(now));
            if accounts.len() >= MAX_ACCOUNTS {
                accounts.clear();
            }
        }
        let account = accounts.entry(id.clone()).or_default();
        account.advance(now);
        change(account)
    }
}

impl Reservation {
    /// Both reservations as one, each account once.
    pub(super) fn and(mut self, mut other: Self) -> Self {
        let has = |parts: &[Part], part: &Part| parts.iter().any(|own| own.id == part.id);
        let (double, new) = std::mem::take(&mut other.parts).into_iter().partition(|part| has(&self.parts, part));
        // A share that the turn has already is given back.
        other.parts = double;
        self.parts.extend::<Vec<_>>(new);
        self.budgets = self.budgets.take().or_else(|| other.budgets.clone());
        self
    }

    /// Marks the turn as used: the model is asked.
    pub fn begin(&mut self) {
        self.budgets = None;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let Some(budgets) = self.budgets.take() else { return };
        for part in std::mem::take(&mut self.parts) {
            budgets.with(&part.id, part.at, |account| account.give_back(part.tokens, part.at, part.limits));
        }
    }
}
