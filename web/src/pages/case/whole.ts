import { useEffect, useState } from 'react';
import { useClient, type Client } from 'urql';
import { PlanDocument, TasksDocument, type PlanNode, type Request, type Task } from './queries';

/** All tasks and all lines of the plan. What has not come yet is missing, and said to be. */
export interface Whole {
  tasks: Task[];
  nodes: PlanNode[];
  /** Every line of the plan is here. Nobody may approve what they have not been shown. */
  planIsWhole: boolean;
  /** Every task is here. */
  tasksAreWhole: boolean;
}

/** What lies beyond the first pages of one answer about one request. */
export interface Rest {
  of: string;
  digest: string | null;
  tasks: Task[];
  nodes: PlanNode[];
}

/** Puts the first pages and the later ones together. Later pages of another request, or of an older plan, do not count. */
export function whole(r: Request, rest: Rest | null): Whole {
  const first = { tasks: r.tasks.nodes, nodes: r.plan?.nodes.nodes ?? [] };
  const moreTasks = r.tasks.pageInfo.hasNextPage;
  const moreNodes = r.plan?.nodes.pageInfo.hasNextPage ?? false;
  const known = rest?.of === r.id ? rest : null;
  const same = known !== null && known.digest === (r.plan?.digest ?? null);
  const seen = new Set(first.tasks.map((t) => t.id));
  return {
    tasks: moreTasks && known ? [...first.tasks, ...known.tasks.filter((t) => !seen.has(t.id))] : first.tasks,
    nodes: moreNodes && same ? [...first.nodes, ...known.nodes] : first.nodes,
    planIsWhole: !moreNodes || same,
    tasksAreWhole: !moreTasks || known !== null,
  };
}

/** All tasks and all lines of a plan, also of a request that has more than fit into one answer. */
export function useWhole(request: Request): Whole {
  const client = useClient();
  const [rest, setRest] = useState<Rest | null>(null);
  useEffect(() => {
    const { tasks, plan } = request;
    if (!tasks.pageInfo.hasNextPage && !plan?.nodes.pageInfo.hasNextPage) return;
    let wanted = true;
    void further(client, request).then((found) => {
      if (wanted && found) setRest(found);
    });
    return () => {
      wanted = false;
    };
  }, [client, request]);
  return whole(request, rest);
}

/** Asks for the later pages, one after the other; null when the request or its plan is another meanwhile. */
async function further(client: Client, r: Request): Promise<Rest | null> {
  const rest: Rest = { of: r.id, digest: r.plan?.digest ?? null, tasks: [], nodes: [] };
  const { caseNumber } = r;
  const ask = { requestPolicy: 'network-only' } as const;
  for (let page = r.tasks.pageInfo; page.hasNextPage; ) {
    const { data } = await client.query(TasksDocument, { caseNumber, after: page.endCursor }, ask).toPromise();
    if (!data?.request) return null;
    rest.tasks.push(...data.request.tasks.nodes);
    page = data.request.tasks.pageInfo;
  }
  for (let page = r.plan?.nodes.pageInfo; page?.hasNextPage; ) {
    const { data } = await client.query(PlanDocument, { caseNumber, after: page.endCursor }, ask).toPromise();
    const plan = data?.request?.plan;
    if (!plan || plan.digest !== rest.digest) return null;
    rest.nodes.push(...plan.nodes.nodes);
    page = plan.nodes.pageInfo;
  }
  return rest;
}
