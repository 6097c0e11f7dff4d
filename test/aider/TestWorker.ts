import * as TestDatabase from "../support/TestDatabase.ts"
import { layerOn } from "./Worker.ts"

/** The worker on a database of its own, as a test has it. */
export const layer = (aider?: string) => layerOn(TestDatabase.layer, aider)

/** The same with Anthropic's models alone. */
export const anthropicLayer = layerOn(TestDatabase.layer, undefined, "anthropic")
