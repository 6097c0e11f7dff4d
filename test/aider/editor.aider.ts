import { NodeServices } from "@effect/platform-node"
import { Effect, Layer, Redacted } from "effect"
import { Project } from "../../src/domain/Project.ts"
import * as AiderProcess from "../../src/layers/AiderProcess.ts"
import * as Environment from "../../src/layers/Environment.ts"
import * as LoopbackGateway from "../../src/layers/LoopbackGateway.ts"
import { Projects } from "../../src/services/Projects.ts"
import { WorkOrders } from "../../src/services/WorkOrders.ts"
import { AiMock } from "../support/AiMock.ts"
import { suite } from "../support/EditorSuite.ts"
import * as TestDatabase from "../support/TestDatabase.ts"
import { order, project } from "../support/World.ts"
import { answers } from "./Replies.ts"
import * as Venv from "./Venv.ts"

/* What every editor keeps, of a real Aider that asks through the gateway on a real ledger. */

const ordered = Layer.effectDiscard(
  Effect.gen(function* () {
    yield* (yield* Projects).put(new Project({ ...project }))
    yield* (yield* WorkOrders).submit(order)
  })
)

const gateway = Layer.unwrap(
  Effect.map(AiMock, (mock) => {
    mock.onMessage("Round half up instead of down", answers["round-well"])
    mock.onMessage("new-file", answers["new-file"])
    return LoopbackGateway.layer({
      openai: { apiKey: Redacted.make("real-key-of-the-provider-0123456789"), baseUrl: `${mock.url}/v1` }
    })
  })
)

const aider = Layer.unwrap(Effect.map(Venv.aider, (command) => AiderProcess.layer({ command }))).pipe(
  Layer.provide(gateway),
  Layer.provide(ordered),
  Layer.provide(Environment.store),
  Layer.provide(TestDatabase.layer),
  Layer.provide(AiMock.layer),
  Layer.provide(NodeServices.layer)
)

suite("AiderProcess", aider, 600_000)
