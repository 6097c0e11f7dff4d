import { Clock, Duration, Effect, Layer } from "effect"
import * as ShiftedClock from "../../layers/ShiftedClock.ts"

/** The clock that is in use, wrong by `by`: ahead, or behind where that is negative. How fast it goes stays true. */
export const layer = (by: Duration.Input) =>
  Layer.effect(
    Clock.Clock,
    Effect.map(Effect.service(Clock.Clock), (real) => ShiftedClock.make(real, () => Duration.toMillis(by)))
  )
