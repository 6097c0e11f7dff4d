import { Context, Schema } from "effect"
import { ProjectMissing, storeReasons } from "../domain/errors/Reasons.ts"
import { ProjectId } from "../domain/Ids.ts"
import { Project } from "../domain/Project.ts"
import type { Service } from "./Contract.ts"

export const ProjectsContract = {
  /** Adds the project, or replaces the one with the same id. */
  put: { input: Project, output: Project, failure: Schema.Union(storeReasons) },
  get: {
    input: Schema.Struct({ id: ProjectId }),
    output: Project,
    failure: Schema.Union([...storeReasons, ProjectMissing])
  },
  list: { input: Schema.Struct({}), output: Schema.Array(Project), failure: Schema.Union(storeReasons) }
} as const

/** The repositories Moose works in, and the rules it follows there. */
export class Projects extends Context.Service<Projects, Service<typeof ProjectsContract>>()(
  "moose/services/Projects"
) {}
