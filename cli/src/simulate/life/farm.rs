//! Sales and costs of the farm by season. Losses come from `disaster`.

use crate::simulate::account::{Effect, WINDOW_DAYS};
use crate::simulate::events::{ProduceSale, ProductionCost};
use crate::simulate::population::{CROPS, Household};
use crate::simulate::scene::{Scene, Told};

/// Sales and costs of a month.
pub(super) fn month(scene: &mut Scene<'_>, household: &mut Household) {
    let Some(mut farm) = household.farm else { return };
    if let Some((day, lost_fen)) = farm.lost.filter(|(day, _)| day.plus(WINDOW_DAYS) <= scene.month.first_day()) {
        // The next harvest is a whole one again.
        farm.lost = None;
        household.farm = Some(farm);
        Scene::later(household, day.plus(WINDOW_DAYS).max(scene.month.first_day()), Effect::Income(lost_fen), None);
    }
    if !farm.seen || farm.gross_fen == 0 {
        return;
    }
    let crop = &CROPS[farm.crop];
    if let Some((_, percent)) = crop.sales.iter().find(|(month, _)| *month == scene.month.number()) {
        let kept = farm.gross_fen - farm.lost.map_or(0, |(_, fen)| fen);
        let amount_fen = scene.dice.around(kept / 100 * percent, 10).max(0);
        let quantity_kg = (amount_fen / crop.price_fen).min(1_000_000) as i32;
        if amount_fen > 0 {
            let told = Told::household(scene.some_day(), scene.dice.days(8, 30));
            scene.tell(household, told, &ProduceSale { crop: crop.code, quantity_kg, amount_fen });
        }
    }
    if matches!(scene.month.number(), 3 | 6) {
        let amount_fen = scene.dice.around(farm.cost_fen / 2, 10).max(0);
        let told = Told::household(scene.some_day(), scene.dice.days(8, 30));
        scene.tell(household, told, &ProductionCost { crop: Some(crop.code), amount_fen });
    }
}
