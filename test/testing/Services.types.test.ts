import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { type Effect, Schema } from "effect"
import type { Budget } from "../../src/services/Budget.ts"
import type { Checks } from "../../src/services/Checks.ts"
import type { ClientManager } from "../../src/services/ClientManager.ts"
import type { CodeEditor } from "../../src/services/CodeEditor.ts"
import type { Escalations } from "../../src/services/Escalations.ts"
import type { Git } from "../../src/services/Git.ts"
import type { GitHub } from "../../src/services/GitHub.ts"
import type { Incidents } from "../../src/services/Incidents.ts"
import type { Manager } from "../../src/services/Manager.ts"
import type { ModelGateway } from "../../src/services/ModelGateway.ts"
import type { ModelReplies } from "../../src/services/ModelReplies.ts"
import type { Premises } from "../../src/services/Premises.ts"
import type { Projects } from "../../src/services/Projects.ts"
import type { Proposer } from "../../src/services/Proposer.ts"
import type { Reconciliation } from "../../src/services/Reconciliation.ts"
import type { Resources } from "../../src/services/Resources.ts"
import type { Spool } from "../../src/services/Spool.ts"
import type { StepJournal } from "../../src/services/StepJournal.ts"
import type { WorkOrders } from "../../src/services/WorkOrders.ts"
import type { Workspace } from "../../src/services/Workspace.ts"
import { samples, serviceSamples } from "../../src/testing/Samples.ts"
import { type Contracts, type ServiceName, contracts, subjects } from "../../src/testing/Services.ts"

/* What the matrix goes through is what the compiler believes: a reason cannot be in one and not in the other. */

interface Services {
  readonly Budget: Budget["Service"]
  readonly Checks: Checks["Service"]
  readonly ClientManager: ClientManager["Service"]
  readonly CodeEditor: CodeEditor["Service"]
  readonly Escalations: Escalations["Service"]
  readonly Git: Git["Service"]
  readonly GitHub: GitHub["Service"]
  readonly Incidents: Incidents["Service"]
  readonly Manager: Manager["Service"]
  readonly ModelGateway: ModelGateway["Service"]
  readonly ModelReplies: ModelReplies["Service"]
  readonly Premises: Premises["Service"]
  readonly Projects: Projects["Service"]
  readonly Proposer: Proposer["Service"]
  readonly Reconciliation: Reconciliation["Service"]
  readonly Resources: Resources["Service"]
  readonly Spool: Spool["Service"]
  readonly StepJournal: StepJournal["Service"]
  readonly WorkOrders: WorkOrders["Service"]
  readonly Workspace: Workspace["Service"]
}

type FailureOf<Method> = Method extends (input: never) => Effect.Effect<infer _A, infer E, infer _R>
  ? E
  : "not a method"

/** The tags that each method's signature can fail with, and those that its contract's schema declares. */
type Signed = {
  readonly [S in ServiceName]: {
    readonly [M in keyof Services[S]]: Extract<FailureOf<Services[S][M]>, { readonly _tag: string }>["_tag"]
  }
}
type Declared = {
  readonly [S in ServiceName]: {
    readonly [M in keyof Contracts[S]]: Contracts[S][M] extends { readonly failure: Schema.Top }
      ? Extract<Contracts[S][M]["failure"]["Type"], { readonly _tag: string }>["_tag"]
      : "no contract"
  }
}

describe("a service's contract", () => {
  it("is its signature: the same methods, which fail in the same ways", () => {
    expectTypeOf<Signed>().toEqualTypeOf<Declared>()
    expectTypeOf<Signed["Spool"]["put"]>().toEqualTypeOf<"SpoolFailed">()
    expectTypeOf<Signed["Workspace"]["locate"]>().toEqualTypeOf<never>()
  })

  it("is read to the last reason: what its schema takes is what is injected", () => {
    let reasons = 0
    for (const { name, methods, reasonsOf } of Object.values(subjects)) {
      for (const [method, { failure }] of Object.entries(contracts[name])) {
        assert.include(methods, method)
        const is = Schema.is(failure)
        const taken = Object.values({ ...samples, ...serviceSamples }).flatMap((one) =>
          is(one) ? [one._tag] : []
        )
        assert.deepStrictEqual(
          [...new Set(taken)].toSorted(),
          reasonsOf(method).toSorted(),
          `${name}.${method}`
        )
        reasons += taken.length
      }
    }
    assert.isAbove(reasons, 300)
  })
})
