import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { Option, Schema } from "effect"

const Manifest = Schema.fromJsonString(Schema.Struct({ name: Schema.Literal("moose") }))

const isRoot = (directory: string): boolean => {
  const manifest = join(directory, "package.json")
  return (
    existsSync(manifest) &&
    Option.isSome(Schema.decodeUnknownOption(Manifest)(readFileSync(manifest, "utf8")))
  )
}

/** The nearest folder at or above `start` that holds Moose's package.json; `start` itself when none does. */
const find = (start: string): string => {
  let directory = start
  while (!isRoot(directory)) {
    const parent = dirname(directory)
    if (parent === directory) return start
    directory = parent
  }
  return directory
}

/** Where Moose's own package is: the folder with `migrations` and `fixtures`, from source and from a build. */
export const packageRoot: string = find(dirname(fileURLToPath(import.meta.url)))
