-- The reply to a request where it was ever bought; otherwise the money for buying it is set aside. One call of the store
-- before each of a program's requests instead of two, with the same answers. Repeating it with the same reservation
-- changes nothing.
create or replace function moose.begin_model_reply(p jsonb) returns jsonb
language plpgsql as $$
declare
  kept jsonb := moose.find_model_reply(p->'reply');
begin
  if kept <> 'null' then
    return jsonb_build_object('kept', kept);
  end if;
  return moose.check_and_reserve_budget(p->'reserve');
end
$$;
