/** One collection: add documents, see how far they are, search them, take them out. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ArrowLeft } from "lucide-react";
import { useState } from "react";
import { documentsQuery, isMoving } from "~/api/knowledge";
import { t } from "~/strings";
import { Button } from "~/ui/Button";
import { Page } from "~/ui/Page";
import { Empty, Failure, Loading } from "~/ui/States";
import { Adding } from "./Adding";
import { DocumentRow } from "./DocumentRow";
import { PassageSearch } from "./PassageSearch";
import { type Opened, SourceSheet } from "./SourceSheet";

export function CollectionPage({ name }: { name: string }) {
  const query = useInfiniteQuery(documentsQuery(name));
  const [opened, setOpened] = useState<Opened | null>(null);
  const documents = query.data?.pages.flatMap((page) => page.items) ?? [];
  const moving = documents.filter(isMoving).length;
  return (
    <Page
      title={name}
      lead={
        <Link to="/knowledge" className="inline-flex items-center gap-1.5 rounded-sm hover:text-ink">
          <ArrowLeft aria-hidden size={13} /> {t.knowledge.title}
        </Link>
      }
    >
      <Adding collection={name} />
      {documents.length > 0 && <PassageSearch collection={name} onOpen={setOpened} />}
      {query.error && !query.data ? (
        <Failure title={t.errors.load(name)} error={query.error} onRetry={() => void query.refetch()} />
      ) : !query.data ? (
        <Loading />
      ) : documents.length === 0 ? (
        <Empty title={t.knowledge.none} detail={t.knowledge.noneDetail} />
      ) : (
        <section aria-label={t.knowledge.documents(documents.length)}>
          <h2 className="mb-2 flex items-baseline gap-3 text-sm font-medium">
            {query.hasNextPage
              ? `${t.knowledge.documents(documents.length)}+`
              : t.knowledge.documents(documents.length)}
            {moving > 0 && (
              <span role="status" className="tnum text-xs font-normal text-ink-3">
                {t.knowledge.progress(documents.length - moving, documents.length)}
              </span>
            )}
          </h2>
          <ul className="divide-y divide-line border-y border-line">
            {documents.map((one) => (
              <DocumentRow key={one.id} collection={name} one={one} onOpen={setOpened} />
            ))}
          </ul>
          {query.hasNextPage && (
            <div className="flex justify-center py-4">
              <Button disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
                {query.isFetchingNextPage ? t.common.loading : t.common.loadMore}
              </Button>
            </div>
          )}
        </section>
      )}
      <SourceSheet source={opened} onClose={() => setOpened(null)} />
    </Page>
  );
}
