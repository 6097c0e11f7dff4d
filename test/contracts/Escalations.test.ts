import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { EscalationId, type OptionName } from "../../src/domain/Escalation.ts"
import { Usd } from "../../src/domain/Usd.ts"
import { Escalations } from "../../src/services/Escalations.ts"
import { WorkOrders } from "../../src/services/WorkOrders.ts"
import { samples } from "../../src/testing/Samples.ts"
import { aFailedOrder, has, onEach, run, stores } from "./OnEach.ts"

const option = (name: OptionName, recommended = false) => ({
  option: name,
  label: `to ${name}`,
  usd: Usd.make(7),
  recommended
})

const trouble = (fingerprint: string, key = fingerprint) => ({
  key,
  type: "trouble",
  severity: "high" as const,
  fingerprint,
  context: { message: "the mirror is gone" },
  options: [{ ...option("retry", true), step: "routing" }, option("abandon")] as const,
  defaultOption: "abandon" as const
})

const nothing = EscalationId.make(99_999)

onEach("Escalations", stores, (it) => {
  it.effect("are one for one fingerprint, and the same raise is counted once", () =>
    Effect.gen(function* () {
      const escalations = yield* Escalations
      const id = yield* escalations.raise(trouble("once"))
      assert.strictEqual(yield* escalations.raise(trouble("once")), id)
      assert.strictEqual(yield* escalations.raise(trouble("once", "again")), id)
      const card = yield* escalations.get({ id })
      has(card, { status: "open", severity: "high", occurrences: 2, notices: 0, ordersCount: 0 })
      assert.deepStrictEqual(card.context, { message: "the mirror is gone" })
      assert.deepStrictEqual(
        card.options.map((it) => [it.option, it.recommended]),
        [
          ["retry", true],
          ["abandon", false]
        ]
      )
      const other = yield* escalations.raise(trouble("twice"))
      assert.notStrictEqual(other, id)
      const open = yield* escalations.list({ status: "open", limit: 2 })
      assert.deepStrictEqual(
        open.map((it) => it.id),
        [other, id]
      )
    })
  )

  it.effect("that are not there are EscalationMissing", () =>
    Effect.gen(function* () {
      const escalations = yield* Escalations
      const every = [
        escalations.get({ id: nothing }),
        escalations.acknowledge({ id: nothing, by: "ada" }),
        escalations.resolve({ id: nothing, option: "retry", by: "ada" })
      ]
      for (const call of every) {
        has(yield* Effect.flip(call), { _tag: "EscalationMissing", id: nothing })
      }
    })
  )

  it.effect("are due once for whoever takes them, and have a receipt", () =>
    Effect.gen(function* () {
      const escalations = yield* Escalations
      const id = yield* escalations.raise(trouble("due"))
      const due = Effect.map(escalations.dueNotices({ limit: 100 }), (all) =>
        all.filter((it) => it.id === id)
      )
      assert.deepStrictEqual(
        (yield* due).map(({ notices }) => notices),
        [0]
      )
      assert.deepStrictEqual(yield* due, [])
      const receipt = { channel: "client_manager", reference: "card-1" } as const
      yield* escalations.noticeSent({ id, notices: 0, receipt, ackMs: 60_000 })
      // Whoever comes late with the same notice changes nothing.
      yield* escalations.noticeSent({
        id,
        notices: 0,
        receipt: { ...receipt, reference: "late" },
        ackMs: null
      })
      const card = yield* escalations.get({ id })
      assert.strictEqual(card.notices, 1)
      has(card.receipt, receipt)
      assert.isNotNull(card.ackDeadline)
      const taken = yield* escalations.acknowledge({ id, by: "ada" })
      has(taken, { assignee: "ada", ackDeadline: null, status: "open" })
      assert.isNotNull(taken.acknowledgedAt)
    })
  )

  it.effect("that arrived nowhere are due again themselves", () =>
    Effect.gen(function* () {
      const escalations = yield* Escalations
      const id = yield* escalations.raise(trouble("nowhere"))
      const due = Effect.map(escalations.dueNotices({ limit: 100 }), (all) =>
        all.filter((it) => it.id === id)
      )
      assert.strictEqual((yield* due).length, 1)
      const receipt = { channel: "order", reference: null } as const
      yield* escalations.noticeSent({ id, notices: 0, receipt, ackMs: 0, undelivered: true })
      assert.deepStrictEqual(
        (yield* due).map(({ notices }) => notices),
        [0]
      )
    })
  )

  it.effect("are resolved once, with one of their options", () =>
    Effect.gen(function* () {
      const escalations = yield* Escalations
      const id = yield* escalations.raise(trouble("resolved"))
      const choose = (name: OptionName) => escalations.resolve({ id, option: name, by: "ada" })
      assert.strictEqual((yield* Effect.flip(choose("raise_budget")))._tag, "StoreConflict")
      const card = yield* choose("abandon")
      has(card, { status: "resolved", resolvedBy: "ada" })
      assert.deepStrictEqual(card.resolution, { option: "abandon", label: "to abandon" })
      assert.deepStrictEqual((yield* choose("abandon")).resolution, card.resolution)
      assert.strictEqual((yield* Effect.flip(choose("retry")))._tag, "StoreConflict")
      const late = yield* Effect.flip(escalations.acknowledge({ id, by: "bob" }))
      assert.strictEqual(late._tag, "StoreConflict")
      // The same trouble after that is a new one.
      assert.notStrictEqual(yield* escalations.raise(trouble("resolved", "later")), id)
    })
  )

  it.effect("begin the next run of the failed orders they concern", () =>
    Effect.gen(function* () {
      const escalations = yield* Escalations
      const orders = yield* WorkOrders
      const { id: workOrderId } = yield* aFailedOrder(samples.NoEligibleModel)
      const id = yield* escalations.raise({ ...trouble(`of ${workOrderId}`), workOrderId, run })
      const [mine] = yield* escalations.list({ workOrderId, limit: 5 })
      assert.strictEqual(mine?.id, id)
      const [concerned] = mine?.orders ?? []
      has(concerned, { workOrderId, run: 1, status: "routing_failed" })
      yield* escalations.resolve({ id, option: "retry", by: "ada" })
      has(yield* orders.get({ id: workOrderId }), { run: 2, status: "pending", disposition: null })
    })
  )

  it.effect("that name no step begin it at the first step that has no result", () =>
    Effect.gen(function* () {
      const escalations = yield* Escalations
      const orders = yield* WorkOrders
      const { id: workOrderId } = yield* aFailedOrder(samples.NoEligibleModel)
      const options = [option("retry", true)] as const
      const id = yield* escalations.raise({ ...trouble(`by hand ${workOrderId}`), options, workOrderId, run })
      yield* escalations.resolve({ id, option: "retry", by: "ada" })
      has(yield* orders.get({ id: workOrderId }), { run: 2, status: "pending", disposition: null })
    })
  )
})
