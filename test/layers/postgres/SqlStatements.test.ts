import { PgClient } from "@effect/sql-pg"
import { assert, describe, it, layer } from "@effect/vitest"
import { Arbitrary, Effect, Schema } from "effect"
import { split } from "../../../src/layers/postgres/SqlStatements.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"

const texts = (script: string) => split(script).map(({ text }) => text)

const whole: ReadonlyArray<readonly [name: string, statement: string]> = [
  ["a string", "select ';'"],
  ["a doubled quote", "select 'it''s; fine'"],
  ["a backslash at the end of a plain string", "select '\\'"],
  ["an E-string", "select E'\\';', e'\\\\'"],
  ["an E-string that goes on after a line break", "select E'a' -- so\n  '\\';'"],
  ["an E that ends a name", "select date'2000-01-01', typeE'\\'"],
  ["a quoted name", 'create table "a;""b;" ()'],
  ["a dollar quote", "do $$ begin perform 1; end; $$"],
  ["a tag, and another inside", "do $a$ begin execute $b$select 1;$b$; perform $$;$$; end; $a$"],
  ["a tag that is not ASCII", "select $é$;$é$"],
  ["dollars within a name", "select a$b$c as x$1"],
  ["a parameter", "select $1 + $2"],
  ["a comment", "select 1 -- ; not yet\n + 1"],
  ["a quote in a comment", "select 1 /* it's; */ + 1"],
  ["nested comments", "select 1 /* a /* ; */ ; */ + 1"],
  ["parentheses", "create rule r as on insert to t do also (delete from a; delete from b)"],
  ["an operator before a comment", "select 2 */* ; */ 3"],
  ["a quote in a quoted name", `select "it's;"`],
  ["national, bit and Unicode strings", "select N';', B'1', X'1F', U&'\\0041;', U&\"\\0041;\""],
  ["carriage returns", "select 1 -- ;\r\n + 1"]
]

describe("SqlStatements.split", () => {
  for (const [name, statement] of whole) {
    it(`keeps ${name} whole`, () => {
      assert.deepStrictEqual(texts(`${statement};select 'next'`), [statement, "select 'next'"])
    })
  }

  it("leaves out what says nothing", () => {
    assert.deepStrictEqual(texts("\ufeff ; -- nothing\n;; /* nothing; */ ;\n"), [])
    assert.deepStrictEqual(texts("-- first\n select 1 -- last\n ; -- end"), ["select 1"])
  })

  it("says on which line a statement begins", () => {
    const script = "-- 1\n/* 2\n3 */ select\n1;\n\nselect ';\n'; select 3;\n\n\nselect 4"
    assert.deepStrictEqual(
      split(script).map(({ line }) => line),
      [3, 6, 7, 10]
    )
  })

  it("hands on what is not closed, to the end", () => {
    for (const open of ["'a;b", "E'a\\';b\\", '"a;b', "$$a;b", "$x$a;$$b", "(a;b", "E'a''"]) {
      assert.deepStrictEqual(texts(`select 1;select ${open}`), ["select 1", `select ${open}`])
    }
    assert.deepStrictEqual(texts("select 1; /* select 2; /* */"), ["select 1"])
    assert.deepStrictEqual(texts("select 1); select 2"), ["select 1)", "select 2"])
  })

  it("takes no longer than the script is long", () => {
    const long = 200_000
    for (const unit of ["-", "'", "E'", "E'a'--", "E'a' ", "$$", "/*", '"', "(", "a$", "\\", "-- x\n"]) {
      const script = unit.repeat(Math.ceil(long / unit.length))
      assert.isAbove(texts(`select 1;${script}`).length, 0)
    }
  })

  it.prop(
    "finds again what was joined",
    [
      Arbitrary.array(Arbitrary.schema(Schema.Literals(whole.map(([, statement]) => statement))), {
        maxLength: 8
      }),
      Arbitrary.array(Arbitrary.schema(Schema.Literals(["", " ", "\n", "--;'\n", "/*;/*'*/*/", ";"])), {
        minLength: 9,
        maxLength: 9
      })
    ],
    ([statements, blanks]) => {
      const script = statements.map((statement, index) => `${blanks[index]}${statement};`).join("")
      assert.deepStrictEqual(texts(script + (blanks[8] ?? "")), statements)
    }
  )

  it.prop("loses nothing but blanks and semicolons", [Schema.String], ([script]) => {
    let rest = script
    for (const { text } of split(script)) {
      const at = rest.indexOf(text)
      assert.isAtLeast(at, 0)
      rest = rest.slice(at + text.length)
    }
  })
})

/** Ways to write a text as a literal, each of which PostgreSQL reads back as that text. */
const literals: ReadonlyArray<(text: string) => string> = [
  (text) => `'${text.replaceAll("'", "''")}'`,
  (text) => `E'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`,
  (text) => `E'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`,
  (text) => `E'' -- ;'\n '${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`,
  (text) => `$never$${text}$never$`,
  (text) => `/*'/*;*/*/'${text.replaceAll("'", "''")}'--;'\n`
]

const hostile = Schema.Literals([
  "'",
  "''",
  "\\",
  ";",
  "--",
  "/*",
  "*/",
  '"',
  "$$",
  "$x$",
  "\n",
  "(",
  ")",
  "E'",
  "é",
  "a"
])

layer(TestDatabase.layerEmpty)("SqlStatements.split and PostgreSQL's own scanner", (it) => {
  it.effect.prop(
    "agree on where a statement ends",
    [
      Arbitrary.array(
        Arbitrary.all([
          Arbitrary.array(Arbitrary.schema(hostile), { maxLength: 12 }),
          Arbitrary.schema(Schema.Literals([0, 1, 2, 3, 4, 5]))
        ]),
        { minLength: 1, maxLength: 5 }
      )
    ],
    ([parts]) =>
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        const values = parts.map(([pieces]) => pieces.join(""))
        const script = parts
          .map(([pieces, way]) => `select ${literals[way]?.(pieces.join(""))} as "it's;"`)
          .join(";\n")
        const statements = split(script)
        assert.lengthOf(statements, values.length)
        const read = yield* Effect.forEach(
          statements,
          ({ text }) => sql.unsafe<{ "it's;": string }>(text).unprepared
        )
        assert.deepStrictEqual(
          read.map(([row]) => row?.["it's;"]),
          values
        )
      }),
    { arbitrary: { runs: 150 } }
  )
})
