/** "gh pr create --fill" and "pr create" are the same. */
export const operationName = (operation: string): string =>
  operation
    .trim()
    .toLowerCase()
    .replace(/^gh[\s.-]+/, "")
    .replace(/\s+/g, " ")

const readVerbs =
  /^(?:pr|issue|repo|run|release|workflow|label|cache|gist|project|ruleset|secret|variable|org|search|auth|status|browse|alias|config|extension)(?: (?:view|list|checks|status|diff|watch|download|token|search|get|check|browse|verify))?$/
const bare = /^(?:search|status|browse)/

/** Can it change anything? `gh api` can, unless it is said to be a GET. */
export const writes = (operation: string): boolean => {
  const name = operationName(operation)
  if (/^api\b/.test(name)) return !/\b(?:get|head)\b/.test(name)
  const [group = "", verb = ""] = name.split(" ")
  return !(bare.test(group) || (verb !== "" && readVerbs.test(`${group} ${verb}`)))
}
