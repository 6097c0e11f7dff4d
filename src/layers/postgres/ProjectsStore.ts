import { Effect, Layer } from "effect"
import { ProjectMissing } from "../../domain/errors/Reasons.ts"
import { Projects, ProjectsContract as Contract } from "../../services/Projects.ts"
import { StoreCall, storeFunction } from "./StoreCall.ts"

const put = storeFunction("put_project", Contract.put.input, Contract.put.output)
const get = storeFunction(
  "get_project",
  Contract.get.input,
  Contract.get.output,
  ({ id }) => new ProjectMissing({ id })
)
const list = storeFunction("list_projects", Contract.list.input, Contract.list.output)

/** Projects in the store. */
export const layer = Layer.effect(
  Projects,
  Effect.gen(function* () {
    const context = yield* Effect.context<StoreCall>()
    const provide = Effect.provide(context)
    return Projects.of({
      put: Effect.fn("Projects.put")(put, provide),
      get: Effect.fn("Projects.get")(get, provide),
      list: Effect.fn("Projects.list")(list, provide)
    })
  })
)
