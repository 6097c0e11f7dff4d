import { Console, Effect, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { DriftReport } from "../../domain/Drift.ts"
import { Limits } from "../../domain/policies/Limits.ts"
import * as Environment from "../../layers/Environment.ts"
import * as Settings from "../../layers/Settings.ts"
import * as Reconciler from "../../operations/Reconciler.ts"
import { driftLines, reportLine } from "../DriftWords.ts"
import * as Input from "../Input.ts"
import { printJson } from "../Report.ts"

const encode = Schema.encodeSync(Schema.toCodecJson(DriftReport))
const Deletions = Schema.Int.pipe(Schema.check(Schema.isGreaterThanOrEqualTo(0)))

/** `moose reconcile`: where the database, git, the forge and the ledger do not agree, and what is done about it. */
export const reconcile = Command.make(
  "reconcile",
  {
    apply: Flag.Boolean("apply").pipe(
      Flag.withDescription("Repair what can be repaired; without it nothing is changed"),
      Flag.withDefault(false)
    ),
    deletionsMax: Flag.Int("deletions-max").pipe(
      Flag.withDescription("Refuse to delete more than this in one go"),
      Flag.withDefault(Limits.reconcileDeletionsMax)
    ),
    json: Flag.Boolean("json").pipe(Flag.withDescription("Print JSON"), Flag.withDefault(false))
  },
  Effect.fnUntraced(function* (input) {
    const deletionsMax = yield* Input.decode(Deletions, "--deletions-max")(input.deletionsMax)
    const report = yield* Reconciler.pass({ apply: input.apply, deletionsMax }).pipe(
      Effect.provide(Environment.everything),
      Effect.provide(Settings.layer)
    )
    if (input.json) return yield* printJson(encode(report))
    const lines = report.drifts.flatMap(({ drift, outcome }) => driftLines(drift, outcome))
    yield* Effect.forEach([...lines, reportLine(report, input.apply)], (text) => Console.log(text), {
      discard: true
    })
  })
).pipe(Command.withDescription("Compare the database with git, the forge and the ledger"))
