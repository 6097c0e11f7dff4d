import { Layer } from "effect"
import { WorkflowEngine } from "effect/workflow"
import * as PostgresEngine from "../../../src/layers/postgres/PostgresEngine.ts"
import * as StoreCall from "../../../src/layers/postgres/StoreCall.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"
import { contract } from "./engine/Contract.ts"

contract("layerMemory", WorkflowEngine.layerMemory)

contract(
  "PostgresEngine",
  PostgresEngine.layer({ slots: 8 }).pipe(Layer.provide(StoreCall.layerPg), Layer.provide(TestDatabase.layer))
)
