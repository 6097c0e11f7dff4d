/** One statement of a script, without its semicolon. `line` counts from 1 and is where it begins. */
export interface SqlStatement {
  readonly text: string
  readonly line: number
}

/**
 * What a script is made of, as PostgreSQL's scanner reads it with standard_conforming_strings on. The first
 * that fits at a position counts. Whatever is not closed extends to the end, for the server to complain about.
 */
const space = /[ \t\n\r\f\v]+|--[^\n\r]*/y
/** Names, keywords and numbers. A `$` inside a name does not begin a dollar quote, nor a trailing e an E-string. */
const word = /[A-Za-z0-9_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*/y
const dollarQuote = /\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/y
const quoted = /'[^']*(?:'|$)/y
const quotedIdentifier = /"[^"]*(?:"|$)/y
const escaped = /[eE]'(?:[^'\\]+|\\[\s\S]|'')*(?:\\?$|')/y
/** An E-string that goes on in another literal after a line break; backslashes escape there too. */
const escapedContinuation =
  /(?:[ \t\f\v]|--[^\n\r]*(?=[\n\r]))*[\n\r](?:[ \t\n\r\f\v]|--[^\n\r]*[\n\r])*'(?:[^'\\]+|\\[\s\S]|'')*(?:\\?$|')/y
const blockCommentEdge = /\/\*|\*\//g

/** Where the token that `pattern` finds at `from` ends; `from` itself when it finds none. */
const endOf = (pattern: RegExp, sql: string, from: number): number => {
  pattern.lastIndex = from
  return pattern.test(sql) ? pattern.lastIndex : from
}

const endOfEscaped = (sql: string, from: number): number => {
  let end = endOf(escaped, sql, from)
  if (end === from) return from
  while (true) {
    const further = endOf(escapedContinuation, sql, end)
    if (further === end) return end
    end = further
  }
}

const endOfDollarQuote = (sql: string, from: number): number => {
  const opened = endOf(dollarQuote, sql, from)
  if (opened === from) return from
  const tag = sql.slice(from, opened)
  const closing = sql.indexOf(tag, opened)
  return closing === -1 ? sql.length : closing + tag.length
}

const endOfBlockComment = (sql: string, from: number): number => {
  if (!sql.startsWith("/*", from)) return from
  let depth = 0
  blockCommentEdge.lastIndex = from
  while (true) {
    const edge = blockCommentEdge.exec(sql)
    if (edge === null) return sql.length
    depth += edge[0] === "/*" ? 1 : -1
    if (depth === 0) return blockCommentEdge.lastIndex
  }
}

const endOfBlank = (sql: string, from: number): number => {
  const end = endOf(space, sql, from)
  return end === from ? endOfBlockComment(sql, from) : end
}

/** An E-string is tried before a word, because it begins like one. */
const endOfToken = (sql: string, from: number): number => {
  for (const end of [
    endOfEscaped(sql, from),
    endOf(word, sql, from),
    endOf(quoted, sql, from),
    endOf(quotedIdentifier, sql, from),
    endOfDollarQuote(sql, from)
  ]) {
    if (end > from) return end
  }
  return from + 1
}

const depthChange = (character: string | undefined): number =>
  character === "(" ? 1 : character === ")" ? -1 : 0

/**
 * Cuts a script into its statements, in order, at the semicolons that end one: not those in strings, quoted
 * names, dollar-quoted bodies, comments (which nest) or parentheses (a rule's actions). Statements of nothing
 * but comments are left out. `begin atomic` bodies are not known. Never fails: what is malformed reaches the
 * server as it is.
 */
export const split = (script: string): ReadonlyArray<SqlStatement> => {
  const sql = script.startsWith("\ufeff") ? script.slice(1) : script
  const statements: Array<SqlStatement> = []
  let [position, line, counted] = [0, 1, 0]
  let begin = -1
  let end = 0
  let depth = 0
  const finish = () => {
    if (begin !== -1) {
      line += sql.slice(counted, begin).split("\n").length - 1
      counted = begin
      statements.push({ text: sql.slice(begin, end), line })
    }
    begin = -1
    depth = 0
  }
  while (position < sql.length) {
    const afterBlank = endOfBlank(sql, position)
    if (afterBlank > position) {
      position = afterBlank
      continue
    }
    if (sql[position] === ";" && depth <= 0) {
      finish()
      position += 1
      continue
    }
    if (begin === -1) begin = position
    depth += depthChange(sql[position])
    position = endOfToken(sql, position)
    end = position
  }
  finish()
  return statements
}
