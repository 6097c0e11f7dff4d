import { type Schema, SchemaIssue } from "effect"

const formatIssue = SchemaIssue.makeFormatterStandardSchemaV1()

/** "edits[0].search" */
const fieldName = (path: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }>): string =>
  path
    .map((step) => (typeof step === "object" ? step.key : step))
    .map((key, index) => (typeof key === "number" ? `[${key}]` : `${index === 0 ? "" : "."}${String(key)}`))
    .join("")

const issuesMax = 5

/** What is wrong with a value, naming each field by its path, in words for the one who wrote it. */
export const problemOf = (error: Schema.SchemaError): string => {
  const { issues } = formatIssue(error.issue)
  const said = issues.slice(0, issuesMax).map(({ path = [], message }) => {
    const where = path.length === 0 ? "the object" : fieldName(path)
    return message === "Missing key" ? `${where} is missing` : `${where}: ${message}`
  })
  const more = issues.length - said.length
  return `${said.join("; ")}${more > 0 ? `; and ${more} more` : ""}`
}
