#include "samples/collector/store/clickhouse/answers/count_sql.h"

#include <algorithm>

#include "samples/collector/store/clickhouse/answers/filters.h"
#include "samples/collector/store/clickhouse/engine/node.h"
#include "samples/collector/store/clickhouse/engine/tables.h"
#include "samples/collector/store/groups.h"
#include "samples/collector/store/judgement.h"

namespace whydrop::collector::clickhouse {
namespace {

constexpr const char* kBase = "kind, cause, outcome, app_version, platform, server_error, at_s, decided_s";

// Two arrays of equal length: the facets of a verdict and their values.
std::string FacetsOfVerdict() {
  const std::string session = "kind = " + std::to_string(static_cast<int>(RowKind::kClientSession));
  const std::string bits = "bitmaskToArray(findings)";
  const auto by_kind = [&](const std::string& of_all, const std::string& of_connection) {
    return "arrayConcat(" + of_all + ", if(" + session + ", emptyArrayString(), " + of_connection + "))";
  };
  const std::string facets =
      by_kind("['', " + Quote(kHourFacet) + "], arrayMap(k -> concat(" + Quote(kTagPrefix) + ", k), tag_keys)",
              "arrayConcat([" + Quote(kEndpointFacet) + ", " + Quote(kNetworkFacet) + "], arrayMap(b -> concat(" +
                  Quote(kFindingFacet) + ", toString(b)), " + bits + "))");
  const std::string values =
      by_kind("['', ''], tag_values",
              "arrayConcat([endpoint, network], arrayResize(emptyArrayString(), length(" + bits + "), endpoint))");
  return "if(connections = 0, [''], " + facets + ") AS facets, if(connections = 0, [''], " + values +
         ") AS facet_values";
}

std::string List(const std::vector<std::string>& texts) {
  std::string list;
  for (const std::string& text : texts) list += (list.empty() ? "" : ", ") + Quote(text);
  return list;
}

// Rows of `counts` with the conditions that every question has.
std::string WhereCounts(const Settings& settings, const CountSpan& span, const CountQuery& query,
                        const std::vector<std::string>& facets) {
  const std::string session = std::to_string(static_cast<int>(RowKind::kClientSession));
  // The newest counts of each day, as the same node knows them.
  return " WHERE facet IN (" + List(facets) + ") AND (day, generation) IN (SELECT day, max(generation) FROM " +
         Local(settings, "counts") + " WHERE facet = ''" + DayConditions(span.from, span.to) + " GROUP BY day)" +
         TimeConditions(span.from, span.to, "at_s") + " AND kind " +
         (query.of == CountedKind::kClientSessions ? "= " : "< ") + session + SenderConditions(query);
}

Of OfVerdicts(const CountQuery& query) {
  return query.of == CountedKind::kClientSessions ? Of::kSessions : Of::kConnections;
}

std::string SelectCounts(const Settings& settings, const CountQuery& query, const CountPlan& plan,
                         const CountSpan& span, const std::vector<std::string>& columns) {
  const std::string facet = span.hours == 1 ? kHourFacet : plan.facet;
  // A connection without the tag has no count of this facet: it is one of all, but of none of the values.
  const bool by_tag = IsTag(facet) && !plan.value;
  std::string sql = std::string("SELECT ") + kBase;
  for (const std::string& column : columns) sql += (by_tag ? ", counted_value AS " : ", value AS ") + column;
  sql += by_tag ? ", toInt64(connections) * sign AS counted" : ", toInt64(connections) AS counted";
  sql += " FROM " + Everywhere(settings, "counts");
  if (by_tag) {
    sql +=
        " ARRAY JOIN if(facet = '', [''], [value, '']) AS counted_value, if(facet = '', [toInt64(1)], "
        "[toInt64(1), toInt64(-1)]) AS sign";
  }
  std::vector<std::string> facets = {facet};
  if (by_tag) facets.push_back("");
  sql += WhereCounts(settings, span, query, facets);
  if (plan.value) sql += " AND value = " + Quote(*plan.value);
  return sql;
}

std::string SelectRows(const Settings& settings, const CountQuery& query, const CountSpan& span) {
  ConnectionFilter filter = query;
  filter.from = span.from;
  filter.to = span.to;
  std::string columns = kBase;
  std::vector<std::string> named;
  for (const std::string& dimension : query.dimensions) {
    const std::string name = FacetColumn(query.dimensions, dimension);
    if (!IsFacet(dimension) || std::count(named.begin(), named.end(), name) != 0) continue;
    named.push_back(name);
    columns += ", " + (IsTag(dimension) ? TagColumn(dimension.substr(kTagPrefix.size())) + " AS " + name : name);
  }
  return SelectVerdicts(settings, filter, columns + ", toInt64(connections) AS counted", OfVerdicts(query));
}

CountQuery WithinKnownTime(CountQuery query) {
  if (query.from) query.from = KnownTime(*query.from);
  if (query.to) query.to = KnownTime(*query.to);
  return query;
}

}  // namespace

std::string SelectDayCounts(const Settings& settings, const std::string& day) {
  const std::string dimensions =
      "facet, value, app_id, counted_at, kind, cause, outcome, app_version, platform, server_error, decided_s";
  return "SELECT " + dimensions +
         ", sum(connections) FROM (SELECT facet, value, app_id, at_s - at_s % if(facet = " + Quote(kHourFacet) + ", " +
         std::to_string(kHourS) + ", " + std::to_string(kDayS) +
         ") AS counted_at, kind, cause, outcome, app_version, platform, server_error, decided_s, connections FROM "
         "(SELECT app_id, at_s, kind, cause, outcome, app_version, platform, server_error, decided_s, connections, " +
         FacetsOfVerdict() + " FROM " + Local(settings, "verdicts") + " FINAL WHERE day = " + day +
         ") ARRAY JOIN facets AS facet, facet_values AS value) GROUP BY " + dimensions;
}

std::string FacetColumn(const std::vector<std::string>& dimensions, const std::string& dimension) {
  if (!IsTag(dimension)) return dimension;
  return "tag" + std::to_string(std::find(dimensions.begin(), dimensions.end(), dimension) - dimensions.begin());
}

std::string CountsFor(const Settings& settings, const CountQuery& asked) {
  const CountQuery query = WithinKnownTime(asked);
  const CountPlan plan = PlanCounts(query);
  std::vector<std::string> columns;
  for (const std::string& dimension : query.dimensions) {
    const std::string name = FacetColumn(query.dimensions, dimension);
    if (IsFacet(dimension) && std::count(columns.begin(), columns.end(), name) == 0) columns.push_back(name);
  }
  std::string sql;
  for (const CountSpan& span : plan.spans) {
    sql += sql.empty() ? "(" : " UNION ALL ";
    sql += span.hours != 0 ? SelectCounts(settings, query, plan, span, columns) : SelectRows(settings, query, span);
  }
  return sql + ")";
}

std::string CountsByFacet(const Settings& settings, const ConnectionFilter& filter,
                          const std::vector<std::string>& facets) {
  CountQuery query;
  static_cast<ConnectionFilter&>(query) = filter;
  // Counts know one facet at a time, and here it is theirs already.
  query.dimensions = {kNetworkFacet};
  query = WithinKnownTime(query);
  const std::string columns = "kind, cause, outcome, facet, value, ";
  std::string sql;
  for (const CountSpan& span : PlanCounts(query).spans) {
    sql += sql.empty() ? "(" : " UNION ALL ";
    if (span.hours != 0) {
      sql += "SELECT " + columns + "toInt64(connections) AS counted FROM " + Everywhere(settings, "counts") +
             WhereCounts(settings, span, query, facets);
      continue;
    }
    ConnectionFilter part = filter;
    part.from = span.from;
    part.to = span.to;
    sql += "SELECT " + columns + "counted FROM (" +
           SelectVerdicts(settings, part, "kind, cause, outcome, toInt64(connections) AS counted, " + FacetsOfVerdict(),
                          Of::kConnections) +
           ") ARRAY JOIN facets AS facet, facet_values AS value WHERE facet IN (" + List(facets) + ")";
  }
  return sql + ")";
}

}  // namespace whydrop::collector::clickhouse
