#include "samples/collector/store/clickhouse/answers/count_sql.h"

#include <algorithm>

#include "samples/collector/store/clickhouse/answers/filters.h"
#include "samples/collector/store/clickhouse/engine/row_binary.h"
#include "samples/collector/store/clickhouse/engine/tables.h"
#include "samples/collector/store/groups.h"
#include "samples/collector/store/judgement.h"

namespace whydrop::collector::clickhouse {
namespace {

const std::string kVerdict = "kind, cause, outcome, app_version, platform, server_error";
const std::string kBase = kVerdict + ", decided_s";
constexpr size_t kDaysAtOnce = 6;  // of rows
constexpr size_t kMostParts = 64;  // of a question, which is not to become too long

enum class Facets { kAll, kOfFindings };

// Two arrays of equal length: the facets of a verdict and their values.
std::string FacetsOfVerdict(Facets which) {
  const std::string session = "kind = " + std::to_string(static_cast<int>(RowKind::kClientSession));
  const std::string bits = "bitmaskToArray(findings)";
  const std::string finding_facets = "arrayMap(b -> concat(" + Quote(kFindingFacet) + ", toString(b)), " + bits + ")";
  const std::string finding_values = "arrayResize(emptyArrayString(), length(" + bits + "), endpoint)";
  const auto named = [](const std::string& facets, const std::string& values) {
    return facets + " AS facets, " + values + " AS facet_values";
  };
  if (which == Facets::kOfFindings) {
    return named("arrayConcat(['', " + Quote(kNetworkFacet) + "], " + finding_facets + ")",
                 "arrayConcat(['', network], " + finding_values + ")");
  }
  const auto by_kind = [&](const std::string& of_all, const std::string& of_connection) {
    return "if(connections = 0, [''], arrayConcat(" + of_all + ", if(" + session +
           ", emptyArrayString(), arrayConcat(" + of_connection + "))))";
  };
  return named(by_kind("['', " + Quote(kHourFacet) + "], arrayMap(k -> concat(" + Quote(kTagPrefix) + ", k), tag_keys)",
                       "[" + Quote(kEndpointFacet) + ", " + Quote(kNetworkFacet) + "], " + finding_facets),
               by_kind("['', ''], tag_values", "[endpoint, network], " + finding_values));
}

std::string Union(const std::vector<std::string>& selects) {
  std::string sql;
  for (const std::string& select : selects) sql += (sql.empty() ? "(" : " UNION ALL ") + select;
  return sql + ")";
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

// Rows of a long time are read in parts of it: side by side, and with the memory that few days take.
std::vector<CountSpan> InParts(const Question& question, const CountSpan& span) {
  const std::string answer =
      question.Ask("SELECT DISTINCT toUInt32(toUInt16(day)) AS number FROM " + Everywhere(question.settings(), "days") +
                   " WHERE 1" + DayConditions(span.from, span.to) + " ORDER BY number FORMAT RowBinary");
  const std::vector<int64_t> days = ReadRows(answer, [](RowReader* row) { return int64_t{row->U32()} * kDayS; });
  const size_t at_once = std::max(kDaysAtOnce, days.size() / kMostParts + 1);
  std::vector<CountSpan> parts;
  for (size_t first = 0; first < days.size(); first += at_once) {
    const size_t last = std::min(first + at_once, days.size()) - 1;
    parts.push_back(
        {0, std::max(span.from.value_or(0), days[first]), std::min(span.to.value_or(INT64_MAX), days[last] + kDayS)});
  }
  if (parts.empty()) parts.push_back(span);
  return parts;
}

std::string SelectCounts(const Settings& settings, const CountQuery& query, const CountPlan& plan,
                         const CountSpan& span, const std::vector<std::string>& columns) {
  const std::string facet = span.hours == 1 ? kHourFacet : plan.facet;
  // A connection without the tag has no count of this facet: it is one of all, but of none of the values.
  const bool by_tag = IsTag(facet) && !plan.value;
  std::string sql = "SELECT " + kBase + ", at_s AS starts_s";
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

std::string SelectRows(const Settings& settings, const CountQuery& query, const CountSpan& span,
                       const std::vector<std::string>& columns) {
  ConnectionFilter filter = query;
  filter.from = span.from;
  filter.to = span.to;
  const bool by_hour = std::count(query.dimensions.begin(), query.dimensions.end(), "hour") != 0;
  std::string selected =
      kBase + ", toUInt32(at_s - at_s % " + std::to_string(by_hour ? kHourS : kDayS) + ") AS starts_s";
  std::string by = kBase + ", starts_s";
  for (const std::string& column : columns) by += ", " + column;
  for (const std::string& dimension : query.dimensions) {
    if (!IsFacet(dimension)) continue;
    const std::string name = FacetColumn(query.dimensions, dimension);
    const bool again = selected.find(" AS " + name) != std::string::npos;
    const std::string value = IsTag(dimension) ? TagColumn(dimension.substr(kTagPrefix.size())) : dimension;
    if (!again) selected += ", " + value + (value == name ? "" : " AS " + name);
  }
  const Of of = query.of == CountedKind::kClientSessions ? Of::kSessions : Of::kConnections;
  return SelectVerdicts(settings, filter, selected + ", toInt64(sum(connections)) AS counted", of) + " GROUP BY " + by;
}

CountQuery WithinKnownTime(CountQuery query) {
  if (query.from) query.from = KnownTime(*query.from);
  if (query.to) query.to = KnownTime(*query.to);
  return query;
}

}  // namespace

std::string SelectDayCounts(const Settings& settings, const std::string& day, int64_t now_s) {
  const std::string base = "app_id, " + kVerdict;
  const std::string by = "facet, value, app_id, counted_at, " + kVerdict + ", waits_until";
  return "SELECT " + by +
         ", sum(connections) FROM (SELECT facet, value, at_s - at_s % if(facet = " + Quote(kHourFacet) + ", " +
         std::to_string(kHourS) + ", " + std::to_string(kDayS) + ") AS counted_at, " + base +
         ", waits_until, connections FROM (SELECT at_s, " + base + ", if(decided_s > " + std::to_string(now_s) +
         ", decided_s, toUInt32(0)) AS waits_until, connections, " + FacetsOfVerdict(Facets::kAll) + " FROM " +
         Local(settings, "verdicts") + " FINAL WHERE day = " + day +
         ") ARRAY JOIN facets AS facet, facet_values AS value) GROUP BY " + by;
}

std::string FacetColumn(const std::vector<std::string>& dimensions, const std::string& dimension) {
  if (!IsTag(dimension)) return dimension;
  return "tag" + std::to_string(std::find(dimensions.begin(), dimensions.end(), dimension) - dimensions.begin());
}

std::string CountsFor(const Question& question, const CountQuery& asked) {
  const Settings& settings = question.settings();
  const CountQuery query = WithinKnownTime(asked);
  const CountPlan plan = PlanCounts(query);
  std::vector<std::string> columns;
  for (const std::string& dimension : query.dimensions) {
    const std::string name = FacetColumn(query.dimensions, dimension);
    if (IsFacet(dimension) && std::count(columns.begin(), columns.end(), name) == 0) columns.push_back(name);
  }
  std::vector<std::string> selects;
  for (const CountSpan& span : plan.spans) {
    if (span.hours != 0) {
      selects.push_back(SelectCounts(settings, query, plan, span, columns));
      continue;
    }
    for (const CountSpan& part : InParts(question, span)) {
      selects.push_back(SelectRows(settings, query, part, columns));
    }
  }
  return Union(selects);
}

std::string CountsByFacet(const Question& question, const ConnectionFilter& filter,
                          const std::vector<std::string>& facets) {
  const Settings& settings = question.settings();
  CountQuery query;
  static_cast<ConnectionFilter&>(query) = filter;
  // Counts know one facet at a time, and here it is theirs already.
  query.dimensions = {kNetworkFacet};
  query = WithinKnownTime(query);
  const std::string columns = "kind, cause, outcome, facet, value";
  std::vector<std::string> selects;
  for (const CountSpan& span : PlanCounts(query).spans) {
    if (span.hours != 0) {
      selects.push_back("SELECT " + columns + ", toInt64(connections) AS counted FROM " +
                        Everywhere(settings, "counts") + WhereCounts(settings, span, query, facets));
      continue;
    }
    for (const CountSpan& part : InParts(question, span)) {
      ConnectionFilter within = filter;
      within.from = part.from;
      within.to = part.to;
      const std::string verdicts =
          SelectVerdicts(settings, within, "kind, cause, outcome, connections, " + FacetsOfVerdict(Facets::kOfFindings),
                         Of::kConnections);
      selects.push_back("SELECT " + columns + ", toInt64(sum(connections)) AS counted FROM (" + verdicts +
                        ") ARRAY JOIN facets AS facet, facet_values AS value GROUP BY " + columns);
    }
  }
  return Union(selects);
}

}  // namespace whydrop::collector::clickhouse
