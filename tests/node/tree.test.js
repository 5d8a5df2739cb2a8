import assert from 'node:assert/strict';
import { test } from 'node:test';

import { SERVER, SESSION, client, nodesOf } from './client.js';

const retrieve = (params) => client.sessionAnalysis.retrieve(SESSION, { record_type: 'call-session', ...params });
const figuresOf = (answer) =>
  nodesOf(answer.root).map((node) => [node.record_type, node.cost.event_cost, node.cost.cumulative_cost].join(' '));

const GUIDE = [
  'ai-voice-assistant 0.180000 0.192100',
  'call-control 0.005200 0.197300',
  'call-session 0.000000 0.212800',
  'inference 0.001000 0.001000',
  'inference 0.001500 0.001500',
  'inference 0.002900 0.002900',
  'inference 0.003300 0.003300',
  'inference 0.003400 0.003400',
  'recording 0.005100 0.005100',
  'sip-trunking 0.005200 0.005200',
  'webrtc 0.005200 0.005200',
];

test("the guide's call has its published figures", async () => {
  const answer = await retrieve({ max_depth: 5 });
  assert.deepEqual(figuresOf(answer).sort(), GUIDE);
  assert.equal(answer.session_id, SESSION);
  assert.deepEqual([answer.cost.total, answer.cost.currency], ['0.212800', 'USD']);
  assert.equal(answer.meta.event_count, 11);
  assert.deepEqual([...answer.meta.products].sort(), [
    'ai-voice-assistant',
    'callcontrol-cdrs',
    'inference',
    'recording-cdrs',
    'siptrunking-cdrs',
    'webrtc-cdrs',
  ]);
  assert.equal(answer.root.relationship, null);
});

test('each event says how it belongs to its parent', async () => {
  const { root } = await retrieve({ max_depth: 5 });
  const pairs = nodesOf(root).flatMap((parent) => parent.children.map((child) => [parent, child]));
  assert.equal(pairs.length, 10);
  for (const [parent, child] of pairs) {
    const { type, via, parent_id } = child.relationship;
    assert.deepEqual([type, parent_id], ['child_of', parent.id]);
    assert.equal(child.record[via.local_field], parent.record[via.parent_field]);
  }
});

test('depth cuts what is shown and never what is counted', async () => {
  for (const [params, shown] of [[{}, 6], [{ max_depth: 1 }, 5], [{ max_depth: 3 }, 11], [{ include_children: false }, 1]]) {
    const answer = await retrieve(params);
    assert.equal(nodesOf(answer.root).length, shown);
    assert.deepEqual([answer.cost.total, answer.meta.event_count], ['0.212800', 11]);
  }
});

test('records can be left out', async () => {
  const answer = await retrieve({ max_depth: 5, expand: 'none' });
  assert.deepEqual(figuresOf(answer).sort(), GUIDE);
  assert.deepEqual(nodesOf(answer.root).map((node) => node.record), Array(11).fill({}));
});

test('every form of the time hint finds the session', async () => {
  for (const date_time of ['2026-03-17', '2026-03-17T10:00:00Z', '2026-03-17T10:00:00', '2026-03-17T12:00:00+02:00']) {
    assert.equal((await retrieve({ date_time })).cost.total, '0.212800');
  }
});

test('the links of every event can be followed', async () => {
  const nodes = nodesOf((await retrieve({ max_depth: 5 })).root);
  assert.equal(nodes.length, 11);
  for (const { id, cost, links, record, record_type } of nodes) {
    const analysis = await client.get(SERVER + links.self);
    assert.deepEqual([analysis.root.id, analysis.cost.total], [id, cost.cumulative_cost]);
    const { data } = await client.get(SERVER + links.records);
    // A container need not have a record of its own.
    if (record_type !== 'call-session') assert.deepEqual(data, [record]);
  }
});

test('the metadata describes every record type', async () => {
  const answer = await client.sessionAnalysis.metadata.retrieve();
  assert.equal(answer.record_types.length, 32);
  assert.equal(answer.meta.total_record_types, 32);
  const { type, min, max, ...depth } = answer.query_parameters.max_depth;
  assert.deepEqual([type, depth.default, min, max], ['integer', '2', 1, 5]);
});

test('the metadata of one type tells its relationships', async () => {
  const answer = await client.sessionAnalysis.metadata.retrieveRecordType('ai-voice-assistant');
  const [down] = answer.child_relationships;
  assert.equal(down.child_record_type, 'inference');
  assert.deepEqual(down.via, { local_field: 'conversation_id', parent_field: 'conversation_id' });
  assert.deepEqual(answer.parent_relationships.map((up) => up.parent_record_type).slice(0, 1), ['call-control']);
  assert.equal(answer.meta.max_recommended_depth, 1);
});
