import { Switch } from '@mantine/core';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useQuery } from 'urql';
import { graphql } from '../../gql';
import type { DatasetsQuery } from '../../gql/graphql';
import { needs } from '../../lib/roles';
import { text } from '../../lib/text';
import { Empty, Failure, Head, Scroll, Skeleton } from '../../ui/page';
import { Allowed } from '../shell/Allowed';

const Datasets = graphql(`
  query Datasets($after: String, $filter: DatasetFilter) {
    datasets(first: 50, after: $after, filter: $filter) {
      pageInfo {
        hasNextPage
        endCursor
      }
      nodes {
        id
        namespace
        name
        kind
        derived
        owner {
          id
          name
        }
        service {
          id
          name
        }
        retentionPolicy {
          id
          name
          ground
        }
        tags {
          id
          state
          denied
          term {
            id
            key
            name
            kind
            special
          }
        }
      }
    }
  }
`);

type Dataset = DatasetsQuery['datasets']['nodes'][number];

/** Datasets and the personal data in them, to read. */
export function Catalog() {
  return (
    <Allowed roles={needs.catalog} name={text.catalog.title}>
      <Body />
    </Allowed>
  );
}

function Body() {
  const { after, personal } = useSearch({ from: '/catalog' });
  const go = useNavigate({ from: '/catalog' });
  const [{ data, error }, again] = useQuery({ query: Datasets, variables: { after, filter: personal ? { term: 'user' } : null } });
  const c = text.catalog;
  const page = data?.datasets;
  return (
    <>
      <Head title={c.title} name={c.title} lead={c.lead} />
      <div className="filters">
        <Switch label={c.filter} checked={personal === 'yes'} onChange={(e) => void go({ search: { personal: e.currentTarget.checked ? 'yes' : undefined } })} />
      </div>
      {error && <Failure error={error} again={() => again({ requestPolicy: 'network-only' })} />}
      <div className="sheet">
        {!page && !error && <Skeleton />}
        {page && page.nodes.length === 0 && <Empty title={c.none} why={c.noneWhy} cli={c.cli} />}
        {page && page.nodes.length > 0 && <Rows datasets={page.nodes} />}
        {page && (after || page.pageInfo.hasNextPage) && (
          <div className="more">
            {after && <Link to="/catalog" search={{ personal }}>{text.list.first}</Link>}
            {page.pageInfo.hasNextPage && <Link to="/catalog" search={{ personal, after: page.pageInfo.endCursor ?? undefined }}>{text.list.next}</Link>}
          </div>
        )}
      </div>
    </>
  );
}

function Rows({ datasets }: { datasets: Dataset[] }) {
  const c = text.catalog.columns;
  return (
    <Scroll label={text.catalog.title}>
      <table className="grid">
        <thead>
          <tr>
            <th scope="col">{c.dataset}</th>
            <th scope="col">{c.kind}</th>
            <th scope="col">{c.service}</th>
            <th scope="col">{c.owner}</th>
            <th scope="col">{c.tags}</th>
            <th scope="col">{c.kept}</th>
          </tr>
        </thead>
        <tbody>
          {datasets.map((d) => (
            <tr key={d.id}>
              <td><span className="break">{d.name}</span><span className="sub break">{d.namespace}</span></td>
              <td className="nowrap">{d.kind.toLowerCase()}{d.derived && <span className="sub">{text.catalog.copy}</span>}</td>
              <td>{d.service?.name ?? text.app.none}</td>
              <td>{d.owner?.name ?? text.services.noOwner}</td>
              <td><Tags dataset={d} /></td>
              <td>{d.retentionPolicy?.name ?? text.app.none}{d.retentionPolicy?.ground && <span className="sub">{text.plan.on(d.retentionPolicy.ground)}</span>}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Tags({ dataset }: { dataset: Dataset }) {
  const terms = new Map(dataset.tags.filter((t) => t.state === 'CONFIRMED' && !t.denied && t.term.kind === 'CATEGORY').map((t) => [t.term.key, t.term]));
  const all = [...terms.values()];
  if (all.length === 0) return <span className="dim">{text.catalog.noTags}</span>;
  return (
    <>
      {all.slice(0, 4).map((t) => <span className={t.special ? 'tag errors' : 'tag'} key={t.key} title={t.name}>{t.key}{t.special && ` · ${t.special}`}</span>)}
      {all.length > 4 && <span className="dim small" title={all.slice(4).map((t) => t.key).join(', ')}>{text.catalog.more(all.length - 4)}</span>}
    </>
  );
}
